"""Stops a worker before a bad deploy turns a whole topic into dead letters. Pure.

Once more than a set share of the last records became dead letters, nothing is handled for a while; then a few
records are tried. If they fail as well, the next pause is twice as long.
"""

from __future__ import annotations

from collections import deque

RECENT_RECORDS = 200
FEWEST_RECORDS = 100  # fewer say nothing of a share
PROBE_RECORDS = 20
FIRST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_SECONDS = 300.0


class Breaker:
    """Counts what became of the last records; `max_share` of dead letters is borne (1: any)."""

    def __init__(self, max_share: float) -> None:
        self._max_share = max_share
        self._recent = deque[tuple[int, int]]()
        self._handled = self._dead = 0
        self._pause = FIRST_PAUSE_SECONDS
        self._until: float | None = None

    @property
    def share(self) -> float:
        """The share of dead letters among the last records."""
        return self._dead / self._handled if self._handled else 0.0

    @property
    def probes(self) -> bool:
        """Whether it was open, and a few records are to show whether it may close."""
        return self._until is not None

    def seconds_left(self, now: float) -> float:
        """How long nothing is to be handled yet."""
        return max(0.0, self._until - now) if self._until is not None else 0.0

    def count(self, handled: int, dead: int, now: float) -> bool:
        """Count records; return whether this opens it."""
        if not handled:
            return False
        self._recent.append((handled, dead))
        self._handled, self._dead = self._handled + handled, self._dead + dead
        while self._handled - self._recent[0][0] >= RECENT_RECORDS:
            gone = self._recent.popleft()
            self._handled, self._dead = self._handled - gone[0], self._dead - gone[1]
        if self._handled < (PROBE_RECORDS if self.probes else FEWEST_RECORDS):
            return False
        if self.share > self._max_share:
            self._open(now)
            return True
        if self.probes:
            self._until, self._pause = None, FIRST_PAUSE_SECONDS
        return False

    def _open(self, now: float) -> None:
        if self.probes:
            self._pause = min(2 * self._pause, LONGEST_PAUSE_SECONDS)
        self._until = now + self._pause
        self._recent.clear()
        self._handled = self._dead = 0
