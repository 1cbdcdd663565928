"""Offset arithmetic: what was not handled is not committed, what was committed is not handled again."""

from hypothesis import given
from hypothesis import strategies as st
from support.builders import record

from orderflow.streaming.batches import Done, Partition, marker_positions, next_offsets, outstanding

PARTITIONS: list[Partition] = [("orders", 0), ("orders", 1), ("replays", 0)]
partitions = st.sampled_from(PARTITIONS)
offsets = st.dictionaries(partitions, st.integers(0, 60))


@st.composite
def batches(draw: st.DrawFn) -> list[Done]:
    """Records of several partitions in turn, those of one partition in order, with gaps as markers leave."""
    following = dict.fromkeys(PARTITIONS, 0)
    batch = []
    for partition, gap in draw(st.lists(st.tuples(partitions, st.integers(0, 3)), max_size=30)):
        offset = following[partition] + gap
        following[partition] = offset + 1
        batch.append(Done(record(partition=partition, offset=offset), ()))
    return batch


def places(batch: list[Done]) -> list[tuple[Partition, int]]:
    return [(done.record.partition, done.record.offset) for done in batch]


def test_the_next_offset_is_the_one_behind_the_last_record() -> None:
    batch = [
        Done(record(partition=partition, offset=offset), ())
        for partition, offset in [(PARTITIONS[0], 4), (PARTITIONS[1], 9), (PARTITIONS[0], 7)]
    ]
    assert next_offsets(batch) == {PARTITIONS[0]: 8, PARTITIONS[1]: 10}


@given(batches())
def test_next_offsets_cover_the_batch_exactly(batch: list[Done]) -> None:
    following = next_offsets(batch)
    assert following.keys() == {partition for partition, _ in places(batch)}
    for partition, offset in following.items():
        assert offset - 1 == max(number for each, number in places(batch) if each == partition)


@given(batches(), offsets, st.sets(partitions))
def test_outstanding_is_what_is_owned_and_not_committed(
    batch: list[Done], committed: dict[Partition, int], owned: set[Partition]
) -> None:
    left = places(outstanding(batch, committed, owned))
    assert left == [
        (partition, offset)
        for partition, offset in places(batch)
        if partition in owned and not offset < committed.get(partition, 0)
    ]


@given(batches())
def test_nothing_is_outstanding_once_the_batch_is_committed(batch: list[Done]) -> None:
    assert outstanding(batch, next_offsets(batch), PARTITIONS) == []


@given(batches())
def test_everything_is_outstanding_where_nothing_was_ever_committed(batch: list[Done]) -> None:
    assert outstanding(batch, {}, PARTITIONS) == batch


@given(batches(), st.data())
def test_a_batch_committed_in_two_parts_is_committed_once(batch: list[Done], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(batch)))
    first = batch[:cut]
    assert outstanding(batch, next_offsets(first), PARTITIONS) == batch[cut:]


@given(offsets, offsets)
def test_markers_move_a_position_forward_only(
    ends: dict[Partition, int], committed: dict[Partition, int]
) -> None:
    positions = marker_positions(ends, committed)
    assert all(positions[each] == ends[each] > committed.get(each, 0) for each in positions)
    assert all(ends[each] <= committed.get(each, 0) for each in ends.keys() - positions.keys())


@given(offsets, offsets)
def test_once_its_markers_are_committed_an_idle_worker_commits_no_more(
    ends: dict[Partition, int], committed: dict[Partition, int]
) -> None:
    assert marker_positions(ends, committed | marker_positions(ends, committed)) == {}


def test_an_empty_partition_has_no_marker_to_pass() -> None:
    assert marker_positions({PARTITIONS[0]: 0}, {}) == {}
