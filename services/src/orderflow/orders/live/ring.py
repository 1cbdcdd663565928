"""The last ticks and who has read how far. Pure.

There is no queue for a client: it has a place in the ring, and who is too slow loses the oldest. So a client
that reads slowly, or not at all, costs nothing.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple


class Next(NamedTuple):
    """What a client gets next: `text` with its `number` (None: nothing yet), after so many it has lost."""

    number: int
    text: str | None
    lost: int = 0


class Ring:
    """Keeps at most `capacity` ticks. Their ids are `<epoch>-<number>`; the epoch tells rings apart."""

    def __init__(self, epoch: str, capacity: int) -> None:
        self.epoch = epoch
        self._first = 0
        self._kept: deque[str] = deque()
        self._capacity = capacity

    def append(self, text: str) -> None:
        """Add a tick; the oldest makes room."""
        if len(self._kept) == self._capacity:
            # In this order, since others read meanwhile: a number is never that of an earlier tick.
            self._first += 1
            self._kept.popleft()
        self._kept.append(text)

    def id_of(self, number: int) -> str:
        """Return what a client sends back as Last-Event-ID."""
        return f"{self.epoch}-{number}"

    def place_after(self, last_event_id: str | None) -> int:
        """Return the number to go on with: behind the id if it is of this ring, else the oldest there is."""
        epoch, _, number = (last_event_id or "").rpartition("-")
        if epoch == self.epoch and number.isascii() and number.isdigit() and len(number) < 16:
            return min(int(number) + 1, self._first + len(self._kept))
        return self._first

    def resumes(self, last_event_id: str | None) -> bool:
        """Return whether a client with that id has missed nothing, or is told how much."""
        return (last_event_id or "").rpartition("-")[0] == self.epoch

    def next(self, number: int) -> Next:
        """Return the tick of that number, or the oldest that is left, with how many are lost before it."""
        lost = max(0, self._first - number)
        index = number + lost - self._first
        if index >= len(self._kept):
            return Next(number + lost, None, lost)
        return Next(number + lost, self._kept[index], lost)
