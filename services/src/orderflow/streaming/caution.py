"""How much a worker tries at once after an earlier owner of a partition ended without a farewell. Pure.

A record can end the process that handles it: by a defect in native code, by the memory it takes, by a hang
that the watchdog ends. Nobody is left to say so; but who takes over a partition counts that at its first
unfinished record, and takes it back when it leaves in peace. So the count tells the next owner:

    0   go on as usual
    1   small batches, so that the first unfinished record is not far from the one at fault
    2   one record at a time, each counted as the third takeover before it is tried
    3   this record ended a process alone: it becomes a dead letter
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

SMALL_BATCH = 256
MOST_COUNTED = 3


@dataclass(slots=True)
class Caution:
    """`small_for` more records are handled in small batches; of the `alone` partitions so many records one
    by one, beginning with one that so many takeovers were `counted` at."""

    small_for: int = 0
    alone: dict[tuple[str, int], int] = field(default_factory=dict)
    counted: dict[tuple[str, int], int] = field(default_factory=dict)

    def begin(self, partition: tuple[str, int], takeovers: int, *, for_records: int) -> None:
        """Take over a partition with so many takeovers counted at its first unfinished record."""
        if takeovers:
            self.small_for = for_records
        if takeovers >= MOST_COUNTED - 1:
            self.alone[partition] = SMALL_BATCH
            self.counted[partition] = takeovers

    def most(self, most: int) -> int:
        """Return how many records the next batch may have, `most` in peace."""
        return min(most, SMALL_BATCH) if self.small_for else most

    def passed(self, records: int) -> None:
        """Note that a batch of so many records is handled."""
        self.small_for = max(0, self.small_for - records)

    def passed_alone(self, partition: tuple[str, int]) -> bool:
        """Note that a record was handled alone; return whether it was the last one of its partition."""
        self.counted.pop(partition, None)
        self.alone[partition] -= 1
        if self.alone[partition]:
            return False
        del self.alone[partition]
        return True

    def lose(self, partitions: Iterable[tuple[str, int]]) -> None:
        """Forget partitions that went."""
        for partition in partitions:
            self.alone.pop(partition, None)
            self.counted.pop(partition, None)
