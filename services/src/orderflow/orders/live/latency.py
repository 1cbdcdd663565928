"""How long orders take from their record in `orders` to what follows from it. Pure: times come in.

Records of one order lie in several topics and are read in any order, so each may come first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

MOST_ORDERS = 10_000
WINDOW_SECONDS = 10.0
FORGOTTEN_AFTER_SECONDS = 60.0
_MOST_SAMPLES = 4_000

# What follows on an order, each once: places in a journey behind the order itself.
PLACED, CHARGED, TOLD = 1, 2, 3


class Latencies:
    """Latencies of the last ten seconds; where orders come faster than can be remembered, of a part of them.

    The part is chosen by order id, so an order counts with all its records or not at all. An order that gets
    no further, as a dead letter does, is forgotten after a minute or when there is no room for it.
    """

    def __init__(self, most_orders: int = MOST_ORDERS) -> None:
        self._most = most_orders
        self._mask = 0
        # When it was first heard of, then its stages in ms since the epoch, 0 for those to come.
        self._journeys: dict[str, list[float]] = {}
        self._seen: dict[int, deque[tuple[float, float]]] = {
            stage: deque(maxlen=_MOST_SAMPLES) for stage in (CHARGED, TOLD)
        }

    def note(self, order_id: str, stage: int, at: int, now: float) -> None:
        """Note that an order reached a stage at `at` (ms since the epoch), which is read now."""
        if hash(order_id) & self._mask:
            return
        journey = self._journeys.get(order_id)
        if journey is None:
            if len(self._journeys) >= self._most:
                self._make_room(now)
            journey = self._journeys[order_id] = [now, 0, 0, 0]
        if journey[stage]:
            return  # told again: a repeated order has been measured
        journey[stage] = at
        if journey[PLACED]:
            for reached in (CHARGED, TOLD) if stage == PLACED else (stage,):
                if journey[reached]:
                    self._seen[reached].append((now, max(0, journey[reached] - journey[PLACED])))
        if all(journey):
            del self._journeys[order_id]

    def told(self, now: float) -> dict[str, dict[str, Any]]:
        """Return p50 and p99 in ms of each stage, with the number they stand on; none where nothing was."""
        named = {"charged": self._of(CHARGED, now), "notified": self._of(TOLD, now)}
        return {
            name: {"p50": quantile(found, 0.5), "p99": quantile(found, 0.99), "count": len(found)}
            for name, found in named.items()
            if found
        }

    def _of(self, stage: int, now: float) -> list[float]:
        seen = self._seen[stage]
        while seen and seen[0][0] < now - WINDOW_SECONDS:
            seen.popleft()
        return sorted(latency for _, latency in seen)

    def _make_room(self, now: float) -> None:
        """Forget what is old; where most are new they are too many, and half of them count from now on."""
        fresh = {each: way for each, way in self._journeys.items() if way[0] > now - FORGOTTEN_AFTER_SECONDS}
        if len(fresh) > self._most // 2:
            self._mask = 2 * self._mask + 1
            fresh = {each: way for each, way in fresh.items() if not hash(each) & self._mask}
        elif len(fresh) < self._most // 8:
            self._mask //= 2
        self._journeys = dict(list(fresh.items())[-(self._most // 2) :])


def quantile(ordered: Sequence[float], share: float) -> float:
    """Return the smallest value that is not below `share` of all (at least one, in order)."""
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
