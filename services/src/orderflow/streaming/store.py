"""What a sink writes to: records, and how far it is, in one transaction of somebody else's. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from orderflow.streaming.batches import Partition, Record


class StoreUnavailable(Exception):
    """Nothing was written, and the next try may go well; the text says what is wrong with the store."""


class Overtaken(Exception):
    """Nothing was written, since another process has written for one of the partitions."""


@dataclass(frozen=True, slots=True)
class Move:
    """How far a partition gets: `before` is the next offset as it was (None: never read), `log_end` the end
    of the log as far as known."""

    before: int | None
    next: int
    log_end: int


class Store(Protocol):
    """Keeps the next offset of each partition beside what follows from the records below it.

    Every method but `close` raises StoreUnavailable. Nothing is ever half written.
    """

    def open(self) -> None:
        """Be ready for the first record, also once more after it was away; raise WorkerStopped where waiting
        would not help."""

    def positions(self) -> Mapping[Partition, int]:
        """Return the next offsets of all partitions that were ever read."""

    def write(self, records: Sequence[Record], moves: Mapping[Partition, Move]) -> None:
        """Write what follows from records, and the moves; raise Overtaken if a `before` is not true."""

    def ping(self) -> None:
        """Ask for a sign that all is there."""

    def close(self) -> None:
        """Let go of everything."""
