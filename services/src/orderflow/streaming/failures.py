"""What a worker tells of attempts that failed: all are counted, and as many are logged as one can read."""

from __future__ import annotations

import logging
import time

import structlog

from orderflow.observability.at_work import ids_in, place_of
from orderflow.streaming import metrics
from orderflow.streaming.batches import Record
from orderflow.streaming.service import Failure

log = structlog.get_logger(__name__)

_A_SECOND = 20


class Pace:
    """Says of each event whether it is one of the first so many of its second."""

    def __init__(self, a_second: int) -> None:
        self._a_second = a_second
        self._second = 0
        self._seen = 0

    def is_early(self, now: float) -> bool:
        """Note one more, at `now` in seconds."""
        if int(now) != self._second:
            self._second, self._seen = int(now), 0
        self._seen += 1
        return self._seen <= self._a_second


class Failures:
    """Tells of the failures of one service. Between threads a line more or less may be logged."""

    def __init__(self, service: str, group: str) -> None:
        self._service = service
        self._group = group
        # With a gateway that is away it is thousands a second, and each line takes longer than an order.
        self._pace = Pace(_A_SECOND)

    def tell(self, record: Record, failure: Failure, *, final: bool) -> None:
        """Count a failed attempt, or with `final` a dead letter, and log it.

        Dead letters are warnings, each of them. Of other failures all but the first of a second are DEBUG.
        """
        counter = metrics.DEAD_LETTERS if final else metrics.FAILED_ATTEMPTS
        counter.labels(self._service, failure.kind).inc()
        level = logging.WARNING if final else logging.INFO
        if not final and not self._pace.is_early(time.monotonic()):
            level = logging.DEBUG
        if not logging.getLogger(__name__).isEnabledFor(level):
            return
        log.log(
            level,
            "dead letter" if final else "attempt failed",
            reason=failure.reason,
            attempts=failure.attempts,
            **place_of(record, self._group),
            **ids_in(record.value),
            exc_info=failure.error if failure.kind == "unexpected" else None,
        )
