"""The formula of the Flink operator's autoscaler (DS2) applied to a source of Kafka partitions.

The fleet stays the same: a change costs a rebalance here, not the restart of a Flink job.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from itertools import pairwise

from bench.autoscale.view import Clock, View


@dataclass(frozen=True, slots=True)
class FlinkOptions:
    """The options of `job.autoscaler` that matter here, with their defaults; times in seconds."""

    interval: float = 60.0
    window: float = 900.0
    stabilization: float = 300.0
    catch_up: float = 1800.0
    restart: float = 300.0
    utilization: float = 0.7
    boundary: float = 0.3
    scale_down_interval: float = 3600.0
    scale_down_factor: float = 0.6
    backlog_threshold: float = 300.0
    observed_lag_threshold: float = 30.0
    observed_switch: float = 0.15


TUNED = FlinkOptions(
    interval=15.0, window=60.0, stabilization=15.0, catch_up=60.0, restart=5.0,
    scale_down_interval=120.0, backlog_threshold=30.0,
)  # fmt: skip


def capacity(
    arrival: float, lag: float, options: FlinkOptions, utilization: float, *, restart: bool
) -> float:
    """Return the rate that handles the arrival at a utilization, the lag and a restart in time."""
    if utilization <= 0:
        return math.inf
    pause = arrival * options.restart / options.catch_up if restart else 0.0
    return float(round(lag / options.catch_up + pause + arrival / min(1.0, utilization)))


def aligned(wanted: int, current: int, partitions: int) -> int:
    """Return the parallelism that divides the partitions evenly (the mode EVENLY_SPREAD).

    The next divisor upwards, never past the current size on the way down; else the smallest size
    with the same whole number of partitions each, if that still changes in the right direction.
    """
    if wanted == current:
        return current
    up = wanted > current
    for size in range(wanted, (partitions if up else min(current, partitions)) + 1):
        if partitions % size == 0:
            return size
    share = partitions // wanted
    below = next((size for size in range(wanted, 0, -1) if partitions // size > share), 0)
    size = below if below and partitions % below == 0 else below + 1
    return size if (size > current) == up and size != current else current


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float
    lag: int
    handled: float
    busy: dict[str, float]


class Flink:
    """One source vertex; evaluates once an interval, on a whole window after each stabilization."""

    def __init__(self, name: str, options: FlinkOptions, max_replicas: int) -> None:
        self.name = name
        self.options = options
        self._max_replicas = max_replicas
        self._clock = Clock(options.interval)
        self._samples: deque[_Sample] = deque()
        self._stable_from = float("-inf")
        self._delayed: deque[tuple[float, int]] = deque()

    def observe(self, view: View) -> int | None:
        """Return the new parallelism, or None within the bounds, the window or the delay."""
        if view.rolling_out:
            self._begin(view.now)
        if not self._clock.due(view.now) or view.partitions is None:
            return None
        if view.now < self._stable_from:
            return None
        self._samples.append(_Sample(view.now, view.lag, view.handled, dict(view.busy)))
        while view.now - self._samples[0].at > self.options.window:
            self._samples.popleft()
        full = view.now - self._stable_from >= self.options.window and len(self._samples) >= 2
        size = self._decide(view) if full else view.spec_replicas
        if size == view.spec_replicas:
            return None
        self._begin(view.now)
        self._delayed.clear()
        return size

    def _begin(self, now: float) -> None:
        """Forget the metrics: after a change they are of another job."""
        self._samples.clear()
        self._stable_from = now + self.options.stabilization

    def _decide(self, view: View) -> int:
        options, first, last = self.options, self._samples[0], self._samples[-1]
        seconds, current = last.at - first.at, view.spec_replicas
        rate = (last.handled - first.handled) / seconds
        arrival = max(0.0, rate + (last.lag - first.lag) / seconds)
        true_rate = self._true_rate(rate)
        behind = rate > 0 and last.lag / rate > options.backlog_threshold
        upper = 1.0 if behind else options.utilization + options.boundary
        lower = 0.0 if behind else options.utilization - options.boundary
        inside = (
            capacity(arrival, last.lag, options, upper, restart=False)
            <= true_rate
            <= capacity(arrival, last.lag, options, lower, restart=True)
        )
        target = capacity(arrival, last.lag, options, options.utilization, restart=True)
        factor = max(1 - options.scale_down_factor, target / true_rate)
        wanted = max(1, min(math.ceil(factor * current), self._max_replicas))
        size = aligned(wanted, current, len(view.partitions or ()))
        if size >= current:
            self._delayed.clear()
            return current if inside else size
        return self._after_delay(view.now, size, current, inside)

    def _after_delay(self, now: float, size: int, current: int, inside: bool) -> int:
        """Return the largest size asked for within the scale-down interval, once it is over."""
        self._delayed.append((now, size))
        if now - self._delayed[0][0] < self.options.scale_down_interval or inside:
            return current
        recent = [one for at, one in self._delayed if now - at <= self.options.scale_down_interval]
        return max(recent)

    def _true_rate(self, rate: float) -> float:
        """Return the rate at full work: from the busiest member, or as seen while behind."""
        first, last = self._samples[0], self._samples[-1]
        pairs = list(pairwise(self._samples))
        loads = [
            max((b.busy[one] - a.busy.get(one, 0.0) for one in b.busy), default=0.0) / (b.at - a.at)
            for a, b in pairs
        ]
        load = sum(loads) / len(loads)
        by_work = rate / load if load > 0 and last.handled > first.handled else math.inf
        seen = [
            (b.handled - a.handled) / (b.at - a.at)
            for a, b in pairs
            if a.lag > self.options.observed_lag_threshold * max(1.0, rate)
        ]
        observed = sum(seen) / len(seen) if len(seen) >= 2 else math.nan
        return observed if by_work > observed * (1 + self.options.observed_switch) else by_work
