"""The HorizontalPodAutoscaler's arithmetic for one External metric of the type AverageValue.

Kubernetes has two ways to limit a change. Without `spec.behavior` (what KEDA leaves out unless it is
asked) a size goes to at most max(2 x current, 4); with it the policies of the defaults apply: the
larger of +100 % and +4 pods in 15 s. Up at once; down to the highest recommendation of the window.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

SYNC_SECONDS = 15.0
TOLERANCE = 0.1
POLICY_PERIOD = 15.0


def recommended(metric: float, target: float, status_replicas: int, tolerance: float = TOLERANCE) -> int:
    """Return the size for a metric, or the current one where that is within the tolerance."""
    if status_replicas and abs(1 - metric / (target * status_replicas)) <= tolerance:
        return status_replicas
    return math.ceil(metric / target)


@dataclass(slots=True)
class Hpa:
    """One HorizontalPodAutoscaler with its memory; `behavior` says whether the spec has that field."""

    min_replicas: int
    max_replicas: int
    window: float = 300.0
    behavior: bool = False
    _recommendations: list[tuple[float, int]] = field(default_factory=list)
    _ups: list[tuple[float, int]] = field(default_factory=list)

    def sync(self, now: float, recommendation: int, current: int) -> int:
        """Return the size to write at a tick for a recommendation and `spec.replicas`."""
        if not self._recommendations:
            # A controller that comes up takes the current size for its first recommendation.
            self._recommendations.append((now, current))
        self._recommendations.append((now, recommendation))
        self._recommendations = [one for one in self._recommendations if one[0] > now - self.window]
        wanted = self._limited(now, self._stabilized(recommendation, current), current)
        if wanted > current:
            self._ups.append((now, wanted - current))
        return wanted

    def _stabilized(self, recommendation: int, current: int) -> int:
        highest = max(size for _, size in self._recommendations)
        # Without behavior the window's highest counts upwards as well: a spike that is over still scales.
        return highest if not self.behavior else max(recommendation, min(current, highest))

    def _limited(self, now: float, wanted: int, current: int) -> int:
        limit = self._policy_limit(now, current) if self.behavior else max(2 * current, 4)
        return max(self.min_replicas, min(wanted, limit, self.max_replicas))

    def _policy_limit(self, now: float, current: int) -> int:
        """Return the most that +100 % or +4 pods in a period allow, counted from the period's start."""
        self._ups = [up for up in self._ups if up[0] > now - POLICY_PERIOD]
        start = current - sum(added for _, added in self._ups)
        return max(current, start + 4, 2 * start)
