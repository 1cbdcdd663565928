"""A key's partition is the one that Java's clients choose."""

import pytest

from orderflow.streaming.partitioner import murmur2, partition_for


# Apache Kafka's own: UtilsTest.testMurmur2.
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_that_of_kafka(key: bytes, expected: int) -> None:
    assert murmur2(key) == expected % (1 << 32)


@pytest.mark.parametrize("count", [1, 3, 12, 10_000])
def test_a_partition_is_one_of_those_that_are_there(count: int) -> None:
    assert {partition_for(f"user-{n}".encode(), count) for n in range(200)} <= set(range(count))
    assert partition_for(b"21", 12) == (-973932308 & 0x7FFFFFFF) % 12
