"""Lag in seconds: how long ago the record at the committed offset was appended.

Brokers do not say when an offset came to be, so the times are interpolated between own samples of
the end offset. Nothing is extrapolated: where the history does not reach back far enough the answer
is the least it can be, marked incomplete.
"""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

HISTORY_LIMIT = 128


@dataclass(frozen=True, slots=True)
class Plateau:
    """A time during which the end offset stayed the same; times in seconds."""

    end: int
    first_at: float
    last_at: float


@dataclass(frozen=True, slots=True)
class LagSeconds:
    """The age of the oldest unread record; incomplete: it is at least that old."""

    seconds: float
    incomplete: bool = False


@dataclass(frozen=True, slots=True)
class OffsetHistory:
    """The samples of one partition's end offset, ascending in end and in time, bounded in number."""

    plateaus: tuple[Plateau, ...] = ()

    def sampled(self, end: int, at: float, limit: int = HISTORY_LIMIT) -> "OffsetHistory":
        """Return the history with one more sample; an end that went back starts it anew."""
        if not self.plateaus or end < self.plateaus[-1].end:
            return OffsetHistory((Plateau(end, at, at),))
        last = self.plateaus[-1]
        at = max(at, last.last_at)  # a clock set back must not reorder the samples
        if end == last.end:
            return OffsetHistory((*self.plateaus[:-1], Plateau(end, last.first_at, at)))
        return OffsetHistory(thinned((*self.plateaus, Plateau(end, at, at)), limit))

    def appended_at(self, offset: int) -> float | None:
        """Return when the record at `offset` was appended, or None where no two samples enclose it."""
        after = bisect_right(self.plateaus, offset, key=lambda plateau: plateau.end)
        if after == 0 or after == len(self.plateaus):
            return None
        return _interpolated(self.plateaus[after - 1], self.plateaus[after], offset)


def lag_seconds(history: OffsetHistory, position: int, end: int, now: float) -> LagSeconds:
    """Return the age of the record at `position`; a reader at `end` is 0 seconds behind."""
    if position >= end:
        return LagSeconds(0.0)
    appended = history.appended_at(position)
    if appended is not None:
        return LagSeconds(max(0.0, now - appended))
    if not history.plateaus:
        return LagSeconds(0.0, incomplete=True)
    oldest, newest = history.plateaus[0], history.plateaus[-1]
    if position >= newest.end:  # appended after the last sample, so no older than that
        return LagSeconds(max(0.0, now - newest.last_at))
    return LagSeconds(max(0.0, now - oldest.first_at), incomplete=True)


def longest(lags: Iterable[LagSeconds]) -> LagSeconds:
    """Return the lag of a whole group: its oldest unread record; none at all is 0 seconds."""
    seen = tuple(lags)
    seconds = max((lag.seconds for lag in seen), default=0.0)
    return LagSeconds(seconds, any(lag.incomplete for lag in seen))


def thinned(plateaus: tuple[Plateau, ...], limit: int) -> tuple[Plateau, ...]:
    """Return at most `limit` plateaus; of the older ones go those that a straight line replaces best."""
    if len(plateaus) <= limit:
        return plateaus
    # Every second one only, so that each forgotten sample keeps both its neighbours.
    candidates = range(1, max(2, len(plateaus) // 2), 2)
    cost = {index: _bend(*plateaus[index - 1 : index + 2]) for index in candidates}
    forgotten = set(sorted(cost, key=cost.__getitem__)[: max(1, len(cost) // 2)])
    return tuple(plateau for index, plateau in enumerate(plateaus) if index not in forgotten)


def _interpolated(before: Plateau, after: Plateau, offset: int) -> float:
    share = (offset - before.end) / (after.end - before.end)
    return before.last_at + share * (after.first_at - before.last_at)


def _bend(before: Plateau, plateau: Plateau, after: Plateau) -> float:
    """Return by how many seconds the times around `plateau` change when it is forgotten."""
    guess = _interpolated(before, after, plateau.end)
    return max(abs(guess - plateau.first_at), abs(guess - plateau.last_at))
