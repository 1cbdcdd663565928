"""One partition: its end, how far its consumer has got, and when the oldest unread record came."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Partition:
    """`position` is what is handled, `committed` what is committed of it.

    A partition rests until `rests_until` after it has moved; `leader` is False while its broker is
    lost, `poisoned` while its consumer cannot get past a record.
    """

    index: int
    end: int = 0
    position: float = 0.0
    committed: int = 0
    owner: str | None = None
    rests_until: float = float("-inf")
    leader: bool = True
    poisoned: bool = False
    _appended: deque[tuple[int, float]] = field(default_factory=deque)

    def append(self, records: int, now: float) -> None:
        """Add records to the end of the log."""
        if records:
            self.end += records
            self._appended.append((self.end, now))

    def waiting(self, now: float) -> float:
        """Return the records that a consumer can handle now."""
        if self.poisoned or not self.leader or now < self.rests_until:
            return 0.0
        return self.end - self.position

    def commit(self) -> None:
        """Commit what is handled as a whole."""
        self.committed = int(self.position + 1e-6)

    def age(self, now: float) -> float:
        """Return for how many seconds the oldest unread record has been waiting."""
        while self._appended and self._appended[0][0] <= self.position + 1e-6:
            self._appended.popleft()
        return now - self._appended[0][1] if self._appended else 0.0
