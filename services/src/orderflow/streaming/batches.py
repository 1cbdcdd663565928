"""Records, and the offset arithmetic of a batch of them. Pure.

A commit names the next offset to read, so "last handled + 1" is written here and nowhere else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import msgspec

from orderflow.observability.attempts import RecordSpan
from orderflow_lag.committed import Committed

Headers = list[tuple[str, str | bytes | None]]

# topic (with its prefix) and partition number
Partition = tuple[str, int]

# topic, key, value, headers: a plain tuple, as there are two for every order
Outgoing = tuple[str, bytes | None, bytes | None, Headers]


class HasHeaders(Protocol):
    """A message of the client: it makes its headers when it is asked for them."""

    def headers(self) -> Headers | None: ...


class Record(msgspec.Struct, frozen=True, gc=False):
    """A record as it was read; `timestamp` is in ms since the epoch.

    Its headers are a dozen objects, and thousands of records wait: they are made when one is handled.
    """

    partition: Partition
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    carried: Headers | HasHeaders | None

    @property
    def headers(self) -> Headers | None:
        """Names and values, in the order in which they were written."""
        carried = self.carried
        return carried if carried is None or isinstance(carried, list) else carried.headers()


class Done(msgspec.Struct, frozen=True, gc=False):
    """A record that was handled, and what is to be written because of it; `span`: if it is traced."""

    record: Record
    outgoing: Sequence[Outgoing]
    span: RecordSpan | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Records that were handled and are committed together.

    `standings` is where the partitions stand after it in which not everything read so far is finished, or
    was not before. `worth_committing`: also without a record that is done, since an attempt is to be counted.
    """

    done: Sequence[Done] = ()
    standings: Mapping[Partition, Committed] = field(default_factory=dict)
    worth_committing: bool = False

    def __bool__(self) -> bool:
        return bool(self.done) or (self.worth_committing and bool(self.standings))

    def __len__(self) -> int:
        return len(self.done)

    @property
    def positions(self) -> dict[Partition, Committed]:
        """What to commit for each partition of the batch."""
        after = {partition: Committed(offset) for partition, offset in next_offsets(self.done).items()}
        return after | dict(self.standings)

    def outstanding(self, committed: Mapping[Partition, Committed], held: Collection[Partition]) -> Batch:
        """Return what of the batch is still to commit after its transaction failed.

        `committed` says where the group stands on the partitions it has committed at all: what that covers
        was committed after all. What was not `held` all the time is somebody else's to do.
        """
        nothing = Committed(0)
        left = [
            done
            for done in self.done
            if done.record.partition in held
            and not committed.get(done.record.partition, nothing).covers(done.record.offset)
        ]
        standings = {partition: at for partition, at in self.standings.items() if partition in held}
        return replace(self, done=left, standings=standings)

    def halves(self) -> tuple[Batch, Batch]:
        """Return two batches to be committed one after the other in place of this one."""
        middle = len(self.done) // 2
        first, second = self.done[:middle], self.done[middle:]
        later: dict[Partition, set[int]] = {}
        for done in second:
            later.setdefault(done.record.partition, set()).add(done.record.offset)
        between = {
            partition: at.without(frozenset(later.get(partition, ())))
            for partition, at in self.standings.items()
        }
        return replace(self, done=first, standings=between), replace(self, done=second)


def next_offsets(done: Iterable[Done]) -> dict[Partition, int]:
    """Return for each partition of what is done the first offset behind it."""
    # Records of a partition come in order, so the last one seen is the highest.
    return {each.record.partition: each.record.offset + 1 for each in done}


def marker_positions(
    ends: Mapping[Partition, int], committed: Mapping[Partition, int]
) -> dict[Partition, int]:
    """Return the positions worth committing when idle: past the commit markers behind the last record.

    `ends` says where reading met the end of each partition. A transaction's marker takes an offset of its
    own, so that "last handled + 1" alone would show a lag of 1 for ever.
    """
    return {partition: end for partition, end in ends.items() if end > committed.get(partition, 0)}
