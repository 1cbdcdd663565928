"""Records, and the offset arithmetic of a batch of them. Pure.

A commit names the next offset to read, so "last handled + 1" is written here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

Headers = list[tuple[str, str | bytes | None]]

# topic (with its prefix) and partition number
Partition = tuple[str, int]

# topic, key, value, headers: a plain tuple, as there are two for every order
Outgoing = tuple[str, bytes | None, bytes | None, Headers]


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it was read; `timestamp` is in ms since the epoch."""

    partition: Partition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers | None


class Done(msgspec.Struct, frozen=True, gc=False):
    """A record that was handled, and what is to be written because of it."""

    record: Record
    outgoing: Sequence[Outgoing]


def next_offsets(batch: Iterable[Done]) -> dict[Partition, int]:
    """Return for each partition of the batch the first offset behind it."""
    # Records of a partition come in order, so the last one seen is the highest.
    return {done.record.partition: done.record.offset + 1 for done in batch}


def outstanding(
    batch: Iterable[Done], committed: Mapping[Partition, int], held: Collection[Partition]
) -> list[Done]:
    """Return what of a batch is still to commit after its transaction failed.

    `committed` says where the group stands on the partitions it has committed at all: what lies below was
    committed after all. What was not `held` all the time is somebody else's to do.
    """
    return [
        done
        for done in batch
        if done.record.partition in held and done.record.offset >= committed.get(done.record.partition, 0)
    ]


def marker_positions(
    ends: Mapping[Partition, int], committed: Mapping[Partition, int]
) -> dict[Partition, int]:
    """Return the positions worth committing when idle: past the commit markers behind the last record.

    `ends` says where reading met the end of each partition. A transaction's marker takes an offset of its
    own, so that "last handled + 1" alone would show a lag of 1 for ever.
    """
    return {partition: end for partition, end in ends.items() if end > committed.get(partition, 0)}
