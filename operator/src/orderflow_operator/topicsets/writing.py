"""Leave to write: it is asked for before every single write, and may be gone at any time."""

from __future__ import annotations

from collections.abc import Callable


class NotTheWriter(Exception):
    """The Lease is not ours (any more); nothing further was written."""


class Pen:
    """Asks `may_write` before each write."""

    def __init__(self, may_write: Callable[[], bool]) -> None:
        self._may_write = may_write

    def take(self) -> None:
        """Return if a write may be made now; raise NotTheWriter if not."""
        if not self._may_write():
            raise NotTheWriter("the Lease is not held; topics are left to the replica that holds it")
