"""Numaflow's rule for a MonoVertex: pending over rate against a target time, in small steps."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from bench.autoscale.view import Clock, View

TASK_SECONDS = 30.0
_SAMPLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class NumaflowOptions:
    """The options of `scale` with their defaults."""

    lookback: float = 120.0
    cooldown: float = 90.0
    target_processing: float = 20.0
    replicas_per_scale: int = 2
    min_replicas: int = 1
    zero_replica_sleep: float = 120.0


TUNED = NumaflowOptions(lookback=30.0, cooldown=30.0, replicas_per_scale=12)


def desired(pending: float, rate: float, ready: int, current: int, target_processing: float) -> int:
    """Return the size that works off `pending` in the target time at the rate of each ready replica."""
    if pending == 0 and rate == 0:
        return 0
    if rate == 0:
        return current
    # Half up, as Go rounds; Python rounds half to even.
    size = max(1, int(pending / rate / target_processing * ready + 0.5))
    return min(size, int(pending)) if pending >= 1 else size


class Numaflow:
    """One MonoVertex; a task looks at it every 30 s."""

    def __init__(self, name: str, options: NumaflowOptions, max_replicas: int) -> None:
        self.name = name
        self.options = options
        self._max_replicas = max_replicas
        self._sample, self._task = Clock(_SAMPLE_SECONDS), Clock(TASK_SECONDS)
        self._samples: deque[tuple[float, int, float]] = deque()
        self._scaled_at = float("-inf")

    def observe(self, view: View) -> int | None:
        """Return a size at most `replicas_per_scale` away, once the cooldown has passed."""
        if self._sample.due(view.now) and view.partitions is not None:
            self._samples.append((view.now, view.lag, view.handled))
            while view.now - self._samples[0][0] > self.options.lookback:
                self._samples.popleft()
        if not self._task.due(view.now) or self._skips(view):
            return None
        size = self._size(view)
        if size == view.spec_replicas:
            return None
        self._scaled_at = view.now
        return size

    def _skips(self, view: View) -> bool:
        return (
            view.partitions is None
            or view.rolling_out
            or view.now - self._scaled_at < self.options.cooldown
            or view.status_replicas != view.spec_replicas
            or len(self._samples) < 2
        )

    def _size(self, view: View) -> int:
        current, most = view.spec_replicas, self.options.replicas_per_scale
        if current == 0:
            asleep = view.now - self._scaled_at >= self.options.zero_replica_sleep
            return 1 if asleep else 0
        if view.ready_replicas == 0:
            return current
        (begin, _, before), (end, _, after) = self._samples[0], self._samples[-1]
        rate = (after - before) / (end - begin)
        pending = sum(lag for _, lag, _ in self._samples) / len(self._samples)
        wanted = desired(pending, rate, view.ready_replicas, current, self.options.target_processing)
        bounded = max(self.options.min_replicas, min(wanted, self._max_replicas))
        return max(current - most, min(bounded, current + most))
