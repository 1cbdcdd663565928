"""How old records are when what follows from them is committed: one histogram, counted by the batch.

prometheus-client observes one value at a time, with a lock each; a worker commits tens of thousands a second.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate, pairwise

from prometheus_client import REGISTRY
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector

BOUNDS_MS = (10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 300_000, 1_800_000)

_NAME = "orderflow_record_latency_seconds"
_TEXT = (
    "From the timestamp of a record to the commit of what follows from it; of payment-service: from the "
    "order's timestamp to its outcome. In a large batch some records stand for their neighbours."
)
_NONE = (0,) * (len(BOUNDS_MS) + 1)


class Latencies(Collector):
    """A histogram by service. One thread a service observes; any may collect."""

    _labelnames = ("service",)

    def __init__(self) -> None:
        # Of each service how many lay between two bounds, and their sum in ms: replaced as one, so that
        # whoever reads sees no half of a batch.
        self._seen: dict[str, tuple[tuple[int, ...], int]] = {}

    def observe(self, service: str, timestamps: Iterable[int], now: int, each: int = 1) -> None:
        """Count records by their timestamps; those and `now` in ms since the epoch.

        Each timestamp stands for `each` records.
        """
        # Quick, as they come sorted by partition. No record is looked at by itself: there are thousands.
        oldest_first = sorted(timestamps)
        size = len(oldest_first)
        up_to = [0, *(size - bisect_left(oldest_first, now - bound) for bound in BOUNDS_MS), size]
        counts, total = self._seen.get(service, (_NONE, 0))
        between = (later - earlier for earlier, later in pairwise(up_to))
        # A producer whose clock is ahead makes no record younger than new.
        ahead = oldest_first[bisect_left(oldest_first, now) :]
        age = now * (size - len(ahead)) - (sum(oldest_first) - sum(ahead))
        self._seen[service] = (
            tuple(before + each * more for before, more in zip(counts, between, strict=True)),
            total + each * age,
        )

    def collect(self) -> Iterator[HistogramMetricFamily]:
        family = HistogramMetricFamily(_NAME, _TEXT, labels=self._labelnames)
        for service, (counts, total) in list(self._seen.items()):
            names = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
            buckets = list(zip(names, map(float, accumulate(counts)), strict=True))
            family.add_metric([service], buckets, total / 1000)
        yield family

    def describe(self) -> Iterator[HistogramMetricFamily]:
        yield HistogramMetricFamily(_NAME, _TEXT, labels=self._labelnames)


LATENCIES = Latencies()
REGISTRY.register(LATENCIES)
