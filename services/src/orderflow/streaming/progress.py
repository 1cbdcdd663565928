"""How the loop is doing, as the loop sees it: written by the loop, read by health and watchdog.

Every field is one assignment, so the reader's thread needs no lock.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Progress:
    """`beats` grows whenever the loop gets on; `waits_for` says what it is not ready without."""

    beats: int = 0
    waits_for: str | None = "its first step"
    stopping: bool = False

    def beat(self) -> None:
        self.beats += 1

    @property
    def ready(self) -> bool:
        return self.waits_for is None and not self.stopping
