"""Which partition a key belongs to, by the rule of Java's clients, which ours follow too. Pure.

For those who must know before they write; the producers place records by the same rule themselves.
"""

from __future__ import annotations

_SEED, _FACTOR, _MASK = 0x9747B28C, 0x5BD1E995, 0xFFFFFFFF


def partition_for(key: bytes, count: int) -> int:
    """Return the partition of a key in a topic of `count` partitions."""
    return (murmur2(key) & 0x7FFFFFFF) % count


def murmur2(data: bytes) -> int:
    """Return the MurmurHash2 (32 bits) of `data` with the seed that Kafka gives it."""
    h = _SEED ^ len(data)
    whole = len(data) & ~3
    for start in range(0, whole, 4):
        k = int.from_bytes(data[start : start + 4], "little") * _FACTOR & _MASK
        h = h * _FACTOR & _MASK ^ (k ^ k >> 24) * _FACTOR & _MASK
    if rest := data[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * _FACTOR & _MASK
    h = (h ^ h >> 13) * _FACTOR & _MASK
    return h ^ h >> 15
