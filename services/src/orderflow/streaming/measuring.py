"""What a worker tells of itself: by the batch and by the second, as its loop is too hot for more."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol

from orderflow.streaming import metrics
from orderflow.streaming.assignment import Assignment
from orderflow.streaming.batches import Batch, Partition
from orderflow.streaming.latency import LATENCIES
from orderflow.streaming.service import Service

_EVERY_SECONDS = 1.0
_LOOKED_AT = 256  # records of a batch


class Reads(Protocol):
    """What is asked of the consuming side."""

    assignment: Assignment

    def known_ends(self) -> dict[Partition, int]:
        """Return the end offsets that the client has heard of."""


class Measuring:
    """The figures of one worker. For the loop's thread."""

    def __init__(self, service: Service[Any]) -> None:
        name = service.name
        self._service = service
        metrics.begin_at_zero(name)
        self._transactions = metrics.TRANSACTION_SECONDS.labels(name)
        self._records = metrics.RECORDS.labels(name)
        self._batches = metrics.BATCH_RECORDS.labels(name)
        self._held = metrics.HELD.labels(name)
        self._lag = ShownLag(name)

    def committed(self, batch: Batch, seconds: float) -> None:
        """Count a batch whose transaction took so long."""
        self._transactions.observe(seconds)
        self._records.inc(len(batch))
        self._batches.observe(len(batch))
        self._observe_latency(batch)
        self._service.committed(batch.done)

    def _observe_latency(self, batch: Batch) -> None:
        """Count how old its records are; in a large batch each one looked at stands for its neighbours too.

        They come sorted by partition and time, and to look at each took 8 % of the loop under a backlog.
        """
        now, done, name = int(time.time() * 1000), batch.done, self._service.name
        stride = max(1, len(done) // _LOOKED_AT)
        whole = len(done) - len(done) % stride
        LATENCIES.observe(name, [each.record.timestamp for each in done[:whole:stride]], now, each=stride)
        LATENCIES.observe(name, [each.record.timestamp for each in done[whole:]], now)

    def look(self, now: float, reads: Reads, held: int) -> None:
        """Once a second show the lag of what is read here, and how many records wait for an attempt."""
        if self._lag.look(now, reads):
            self._held.set(held)


class ShownLag:
    """The lag of the partitions that a process reads, as it sees them itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._looked_at = 0.0
        self._shown: set[Partition] = set()

    def look(self, now: float, reads: Reads) -> bool:
        """Once a second show the lag of what is read here; return whether it was time to."""
        if now - self._looked_at < _EVERY_SECONDS:
            return False
        self._looked_at = now
        lags = lag_of(reads.known_ends(), reads.assignment)
        for (topic, number), lag in lags.items():
            metrics.LAG.labels(self._name, topic, str(number)).set(lag)
        for topic, number in self._shown - lags.keys():
            metrics.LAG.remove(self._name, topic, str(number))
        self._shown = set(lags)
        return True


def lag_of(ends: Mapping[Partition, int], assignment: Assignment) -> dict[Partition, int]:
    """Return how many offsets lie between what was committed and the end, where both are known.

    A partition that was read to its end and never committed has nothing of its group before that.
    """
    begins = {**assignment.ends, **assignment.committed}
    return {
        partition: max(0, end - begins[partition]) for partition, end in ends.items() if partition in begins
    }
