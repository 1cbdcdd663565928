"""KEDA's kafka scaler with the HPA behind it.

KEDA reads the lag when the HPA asks, so between 1 and N only the HPA's 15 s tick counts; its own
polling interval and cooldown decide about 0 alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bench.autoscale.hpa import SYNC_SECONDS, Hpa, recommended
from bench.autoscale.view import Clock, View


@dataclass(frozen=True, slots=True)
class KedaOptions:
    """The trigger's and the ScaledObject's options with KEDA's defaults, apart from the threshold."""

    lag_threshold: int = 100
    activation_lag_threshold: int = 0
    allow_idle_consumers: bool = False
    polling_interval: float = 30.0
    cooldown_period: float = 300.0
    min_replicas: int = 1
    max_replicas: int = 100
    # None leaves `horizontalPodAutoscalerConfig.behavior` out, as KEDA does by default.
    stabilization_window: float | None = None


TUNED = KedaOptions(polling_interval=5.0, stabilization_window=60.0)


def metric(lags: Iterable[int], options: KedaOptions) -> int:
    """Return what the scaler reports: the total lag, cut off where whole thresholds exceed partitions.

    The division rounds down, so that up to a threshold too much passes.
    """
    every = list(lags)
    total = sum(every)
    if not options.allow_idle_consumers and total // options.lag_threshold > len(every):
        return len(every) * options.lag_threshold
    return total


class Keda:
    """A ScaledObject and its HPA; `phase` is when within its 15 s the HPA ticks."""

    def __init__(
        self, name: str, options: KedaOptions, max_replicas: int, phase: float | None = None
    ) -> None:
        self.name = name
        self.options = options
        window = options.stabilization_window
        self._hpa = Hpa(
            max(1, options.min_replicas),
            min(options.max_replicas, max_replicas),
            window=300.0 if window is None else window,
            behavior=window is not None,
        )
        self._tick = Clock(SYNC_SECONDS, phase)
        self._poll = Clock(options.polling_interval)
        self._active_at = float("-inf")

    def observe(self, view: View) -> int | None:
        """Return the HPA's size at its tick, or KEDA's own decision about 0 at its poll."""
        polled, ticked = self._poll.due(view.now), self._tick.due(view.now)
        # A trigger that cannot be read leaves the size alone, unless a fallback is configured.
        if view.partitions is None:
            return None
        if polled:
            active = view.lag > self.options.activation_lag_threshold
            self._active_at = view.now if active else self._active_at
            if (size := self._activation(view, active)) is not None:
                return size
        if not ticked or view.spec_replicas == 0:
            return None
        value = metric((partition.lag for partition in view.partitions), self.options)
        wanted = recommended(value, self.options.lag_threshold, view.status_replicas)
        size = self._hpa.sync(view.now, wanted, view.spec_replicas)
        return size if size != view.spec_replicas else None

    def _activation(self, view: View, active: bool) -> int | None:
        if view.spec_replicas == 0:
            return max(1, self.options.min_replicas) if active else None
        idle = view.now - self._active_at >= self.options.cooldown_period
        return 0 if self.options.min_replicas == 0 and idle else None
