"""Where arrivals are heading: so that nothing goes down at the bottom of a wave. Pure.

A parabola is fitted to the counts of the last stabilization window; what of it is more than noise is
continued for one window more. A wave whose bottom takes longer than the window would else be scaled down
just before it rises again.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import sqrt

from msgspec.structs import replace

from orderflow_operator.rates.memory import Memory, TotalMark

MARKS = 12
LEAST_COUNTS = 6
# Multiples of the Poisson noise, and of the scatter around the fit. To be wrong now and then only delays a
# change by a poll or two, so the noise is taken lightly.
NOISE = 1.5
SCATTER = 4.0
LARGEST = 4.0


def with_total(memory: Memory, total: int, at: float, window: float) -> Memory:
    """Return the memory with one more sum of end offsets, some twelve a window."""
    kept = tuple(one for one in memory.totals if one.at >= at - window and one.total <= total)
    if len(kept) >= 2 and kept[-1].at - kept[-2].at < window / MARKS:
        kept = kept[:-1]
    return replace(memory, totals=(*kept, TotalMark(at, total)))


def growth(marks: Sequence[TotalMark], window: float) -> float:
    """Return by which factor arrivals will exceed the present ones within `window` seconds; at least 1."""
    if len(marks) <= LEAST_COUNTS or marks[-1].at <= marks[0].at:
        return 1.0
    middle, half = (marks[0].at + marks[-1].at) / 2, (marks[-1].at - marks[0].at) / 2
    pairs = list(pairwise(marks))
    spans = [(after.at - before.at) / half for before, after in pairs]
    xs = [((before.at + after.at) / 2 - middle) / half for before, after in pairs]
    ys = [
        (after.total - before.total) / (span * half)
        for (before, after), span in zip(pairs, spans, strict=True)
    ]
    curve = _Curve(xs, ys, seconds=half * sum(spans) / len(spans))
    now = curve.at(xs[-1])
    ahead = max(curve.at(1 + window / half * step / 4) for step in range(1, 5))
    return min(LARGEST, max(1.0, ahead / now)) if now > 0 else 1.0


class _Curve:
    """A parabola through rates, without the terms that noise explains."""

    def __init__(self, xs: Sequence[float], ys: Sequence[float], *, seconds: float) -> None:
        count = len(xs)
        self._center = sum(xs) / count
        self._square = sum((x - self._center) ** 2 for x in xs) / count
        cubes = sum((x - self._center) ** 3 for x in xs)
        self._skew = cubes / (self._square * count)
        terms = [[self._term(order, x) for x in xs] for order in range(3)]
        norms = [sum(value * value for value in one) for one in terms]
        found = [
            sum(y * value for y, value in zip(ys, one, strict=True)) / norm
            for one, norm in zip(terms, norms, strict=True)
        ]
        left = [y - sum(c * one[n] for c, one in zip(found, terms, strict=True)) for n, y in enumerate(ys)]
        scatter = sqrt(sum(one * one for one in left) / max(1, count - 3))
        limit = max(NOISE * sqrt(max(found[0], 0.0) / seconds), SCATTER * scatter)
        self._weights = [
            c if order == 0 or abs(c) * sqrt(norms[order]) > limit else 0.0 for order, c in enumerate(found)
        ]

    def at(self, x: float) -> float:
        """Return the rate at `x`."""
        return sum(weight * self._term(order, x) for order, weight in enumerate(self._weights))

    def _term(self, order: int, x: float) -> float:
        """Polynomials that are orthogonal on these points, so that each term stands for itself."""
        off = x - self._center
        return (1.0, off, off * off - self._skew * off - self._square)[order]
