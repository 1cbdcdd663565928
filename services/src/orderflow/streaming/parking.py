"""Records that wait for another attempt, and those behind them. Pure.

A line is what must stay in order: the records of one key in one partition; a record without a key is a line
of its own. When an attempt at a record fails, its line waits until the backoff is over, and every later
record of the line with it. The rest of the partition goes on; a `Standing` keeps account of what is finished.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from orderflow.streaming.batches import Done, Partition, Record
from orderflow.streaming.service import Failure
from orderflow_lag.committed import WINDOW, Committed

Line = tuple[Partition, bytes | int]


def line_of(record: Record) -> Line:
    """Return what a record must stay in order with."""
    return record.partition, record.offset if record.key is None else record.key


class Turn(NamedTuple):
    """Records to be handled in order; `attempt` is the number of the first one's attempt."""

    records: list[Record]
    attempt: int = 1


class Held(NamedTuple):
    """A record that is not done: its attempt failed, or (None) it waits behind one of its line."""

    record: Record
    failure: Failure | None


class Handled(NamedTuple):
    """What became of records, both in the order in which they were given."""

    done: list[Done]
    held: list[Held]


@dataclass(slots=True)
class Standing:
    """One partition: `next` is behind all that was taken of it, `unfinished` says how many attempts were
    begun at what is not finished of that, bit i of `finished` stands for the offset `origin` + i."""

    origin: int
    next: int
    unfinished: dict[int, int] = field(default_factory=dict)
    finished: int = 0
    # Owners before that got no further than to an offset.
    takeovers: tuple[int, int] = (0, 0)
    _lowest: int | None = None  # of the unfinished, if known

    def has_finished(self, offset: int) -> bool:
        # Nothing below the origin is unfinished, though it may be read again.
        if offset < self.origin:
            return True
        # To shift thousands of bits costs a copy of them, and most offsets lie past the last one.
        at = offset - self.origin
        return at < self.finished.bit_length() and bool(self.finished >> at & 1)

    def take(self, offset: int) -> None:
        self.next = max(self.next, offset + 1)

    def finish(self, offset: int) -> None:
        self.take(offset)
        self.unfinished.pop(offset, None)
        if offset == self._lowest:
            self._lowest = None
        if offset >= self.origin:
            self.finished |= 1 << offset - self.origin

    def leave(self, offset: int, attempts: int) -> None:
        self.take(offset)
        self.unfinished[offset] = attempts
        if self._lowest is not None:
            self._lowest = min(self._lowest, offset)

    @property
    def base(self) -> int:
        """The first offset that is not finished."""
        if self._lowest is None:
            self._lowest = min(self.unfinished, default=None)
        if self._lowest is not None:
            return self._lowest
        base = max(self.next, self.origin)
        while self.has_finished(base):
            base += 1
        return base

    @property
    def committed(self) -> Committed:
        """What is to be committed of it."""
        base, (stuck_at, takeovers) = self.base, self.takeovers
        finished = self.finished >> base - self.origin
        return Committed(base, self.unfinished.get(base, 0), finished, takeovers if base == stuck_at else 0)

    @property
    def is_plain(self) -> bool:
        """Whether "all below `next`" says everything."""
        return not self.unfinished and not self.finished >> max(0, self.next - self.origin)

    def shorten(self) -> None:
        """Forget what lies below the first unfinished offset."""
        base = self.base
        self.finished, self.origin = self.finished >> base - self.origin, base


class Parking:
    """Filled by what was held, emptied by what is due; records come back in the order of their line."""

    def __init__(self) -> None:
        self._lines: dict[Line, deque[Record]] = {}
        self._attempts: dict[Line, int] = {}
        self._due_at: dict[Line, float] = {}
        self._standings: dict[Partition, Standing] = {}

    def __len__(self) -> int:
        return sum(map(len, self._lines.values()))

    @property
    def next_due(self) -> float | None:
        """When the next line's backoff is over."""
        return min(self._due_at.values(), default=None)

    @property
    def is_plain(self) -> bool:
        """Whether of every partition all that was read so far is finished."""
        return not self._standings

    @property
    def standings(self) -> dict[Partition, Committed]:
        """Where the partitions stand in which anything read so far is unfinished, or lately was."""
        return {partition: standing.committed for partition, standing in self._standings.items()}

    def restore(self, partition: Partition, first: int, left: Committed) -> None:
        """Take up what an earlier owner left; `first` is the offset of the first record now read."""
        if left == Committed(left.offset) and first >= left.offset:
            return
        standing = Standing(left.offset, first, {}, left.finished, (first, left.takeovers))
        if not standing.has_finished(first):
            standing.unfinished[first] = left.attempts
        self._standings[partition] = standing

    def prune(self) -> None:
        """Forget the partitions that have nothing unfinished any more; their positions are committed."""
        if self._standings:
            left = {
                partition: standing
                for partition, standing in self._standings.items()
                if not standing.is_plain
            }
            for standing in left.values():
                standing.shorten()
            self._standings = left

    def lose(self, partitions: Collection[Partition]) -> None:
        """Forget partitions: their next owner reads what is unfinished."""
        for partition in partitions:
            self._standings.pop(partition, None)
        for line in [line for line in self._lines if line[0] in partitions]:
            self._remove(line)

    def due(self, now: float) -> list[Turn]:
        """Remove and return the lines whose backoff is over."""
        over = [line for line, at in self._due_at.items() if at <= now]
        return [Turn(list(self._lines[line]), self._remove(line) + 1) for line in over]

    def admit(self, records: Iterable[Record]) -> list[Record]:
        """Return those of the records just taken whose turn it is.

        What is finished is passed over, what belongs to a line that waits joins it.
        """
        return [record for record in records if self._is_next(record)]

    def is_finished(self, record: Record) -> bool:
        """Return whether a record read again was finished by an earlier owner."""
        standing = self._standings.get(record.partition)
        return standing is not None and standing.has_finished(record.offset)

    def too_far(self, record: Record) -> bool:
        """Return whether a record is so far past the first unfinished one that it cannot be noted."""
        standing = self._standings.get(record.partition)
        return standing is not None and record.offset - standing.base >= WINDOW

    def settle(self, handled: Handled, due_at: Callable[[int], float]) -> bool:
        """Take note of what became of records; `due_at(attempts)` says when the next attempt is due.

        Returns whether an attempt is to be counted in what is committed.
        """
        if handled.held:
            self._open_standings(handled.held)
        if self._standings:
            for done in handled.done:
                standing = self._standings.get(done.record.partition)
                if standing is not None:
                    standing.finish(done.record.offset)
        counts = False
        for record, failure in handled.held:
            standing, attempts = self._standings[record.partition], failure.attempts if failure else 0
            standing.leave(record.offset, attempts)
            self._park(record, attempts, due_at(attempts) if failure else None)
            counts = counts or standing.base == record.offset
        return counts

    def _is_next(self, record: Record) -> bool:
        standing = self._standings.get(record.partition)
        if standing is None:
            return True
        if standing.has_finished(record.offset):
            standing.take(record.offset)
            return False
        line = line_of(record)
        attempts = standing.unfinished.get(record.offset, 0)
        if line in self._lines:
            standing.leave(record.offset, attempts)
            self._lines[line].append(record)
            return False
        if attempts:
            # An earlier owner has tried it: its next attempt is due now, and is not the first.
            standing.leave(record.offset, attempts)
            self._park(record, attempts, 0.0)
            return False
        return True

    def _open_standings(self, held: Iterable[Held]) -> None:
        lowest: dict[Partition, int] = {}
        for record, _failure in held:
            if record.partition not in self._standings:
                lowest[record.partition] = min(record.offset, lowest.get(record.partition, record.offset))
        for partition, offset in lowest.items():
            self._standings[partition] = Standing(offset, offset + 1)

    def _park(self, record: Record, attempts: int, due_at: float | None) -> None:
        line = line_of(record)
        self._lines.setdefault(line, deque()).append(record)
        if due_at is not None:
            self._attempts[line], self._due_at[line] = attempts, due_at

    def _remove(self, line: Line) -> int:
        del self._lines[line], self._due_at[line]
        return self._attempts.pop(line)
