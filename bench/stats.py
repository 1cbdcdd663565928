"""Arithmetic over what was measured. Pure.

A rate is taken between two commits, each seen at work under full load: the records committed after the
first and up to the second, over the time between them. However large a contender's transactions are, the
time and the records then belong together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """The rounds of one figure."""

    low: float
    median: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    """Return minimum, median and maximum; at least one value is needed."""
    ordered = sorted(values)
    return Spread(ordered[0], percentile(ordered, 0.5), ordered[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie, interpolated."""
    position = share * (len(ordered) - 1)
    below = int(position)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def paired_ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Return ours / theirs for every round that has both."""
    return [
        ours[number] / theirs[number] for number in sorted(ours.keys() & theirs.keys()) if theirs[number] > 0
    ]
