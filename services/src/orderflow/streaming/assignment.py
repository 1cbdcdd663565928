"""The partitions a worker reads now, and what it holds in memory of them."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable

from orderflow.streaming.batches import Partition, Record


class Assignment:
    """Filled by what the consumer reads and by its rebalances; records wait in reading order."""

    def __init__(self) -> None:
        self.owned: set[Partition] = set()
        self.held: set[Partition] = set()
        self.waiting: deque[Record] = deque()
        self.apart: dict[Partition, deque[Record]] = {}
        self.ends: dict[Partition, int] = {}
        self.committed: dict[Partition, int] = {}
        # Partitions whose standing was not looked up yet, with their first record once there is one.
        self.new: set[Partition] = set()
        self.first: dict[Partition, int] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nothing that was read waits to be handled."""
        return not self.waiting and not any(self.apart.values())

    def gain(self, partitions: Iterable[Partition]) -> None:
        """Take on partitions: nothing is known of them yet."""
        gained = set(partitions)
        self.owned |= gained
        self.new |= gained

    def lose(self, partitions: Iterable[Partition]) -> None:
        """Forget partitions: their next owner begins at what was committed."""
        gone = set(partitions)
        self.owned -= gone
        self.held -= gone
        self.new -= gone
        self.waiting = deque(record for record in self.waiting if record.partition not in gone)
        for partition in gone:
            self.ends.pop(partition, None)
            self.committed.pop(partition, None)
            self.apart.pop(partition, None)
            self.first.pop(partition, None)

    def add(self, records: Iterable[Record]) -> None:
        """Queue records just read, but not of partitions lost in the very call that returned them."""
        ours = [record for record in records if record.partition in self.owned]
        if self.new:
            for record in ours:
                if record.partition in self.new:
                    self.first.setdefault(record.partition, record.offset)
        if self.apart:
            ours = [record for record in ours if not self._joins_those_apart(record)]
        self.waiting.extend(ours)

    def looked_up(self, partitions: Iterable[Partition]) -> None:
        """Note that it is known where partitions stand."""
        for partition in partitions:
            self.new.discard(partition)
            self.first.pop(partition, None)

    def set_apart(self, partition: Partition, first: Iterable[Record] = ()) -> None:
        """Let the records of a partition wait apart, `first` before them, until `rejoin`."""
        waiting = self.waiting
        self.waiting = deque(record for record in waiting if record.partition != partition)
        later = (record for record in waiting if record.partition == partition)
        self.apart[partition] = deque([*first, *later])

    def rejoin(self, partition: Partition) -> None:
        """Let the records of a partition wait with the others again; theirs is the next turn."""
        self.waiting.extendleft(reversed(self.apart.pop(partition)))

    def reached(self, ends: dict[Partition, int]) -> None:
        """Note where reading met the end of partitions."""
        self.ends.update((partition, end) for partition, end in ends.items() if partition in self.owned)

    def hold(self) -> None:
        """Begin a batch: `held` are from now on the partitions that were ours without a break.

        One that went and came back was read again from its committed offset, so a batch may not redo it.
        """
        self.held = set(self.owned)

    def peek(self, most: int, most_bytes: int) -> list[Record]:
        """Return the next records, at least one if any waits, that `take` would return; values bounded."""
        found, room = list[Record](), most_bytes
        for record in self.waiting:
            room -= len(record.value or b"")
            if len(found) == most or (found and room < 0):
                break
            found.append(record)
        return found

    def drop(self, partitions: Collection[Partition]) -> None:
        """Forget what was read of partitions that are read from elsewhere now."""
        self.waiting = deque(record for record in self.waiting if record.partition not in partitions)
        for partition in partitions:
            self.ends.pop(partition, None)

    def take(self, most: int) -> list[Record]:
        """Remove and return the next records, `most` at the most."""
        return [self.waiting.popleft() for _ in range(min(most, len(self.waiting)))]

    def _joins_those_apart(self, record: Record) -> bool:
        apart = self.apart.get(record.partition)
        if apart is not None:
            apart.append(record)
        return apart is not None
