"""When being fenced is no accident any more: another process works under our name. Pure."""

from __future__ import annotations

_TIMES = 3
_SECONDS = 60.0
# A broker that wakes up works off what all producers of this process had asked of it meanwhile, and aborts
# what took too long: that fences a few times too, but within seconds.
_LASTS_SECONDS = 10.0


class Fencings:
    """Counts how often a producer was fenced lately; `now` in seconds of a clock that only goes forward."""

    def __init__(self) -> None:
        self._at: list[float] = []

    def again(self, now: float) -> bool:
        """Note one more; return whether it happens again and again: no work for either of the two."""
        self._at = [at for at in self._at if now - at < _SECONDS] + [now]
        return len(self._at) >= _TIMES and now - self._at[0] >= _LASTS_SECONDS
