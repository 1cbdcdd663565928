"""One client for each Kafka cluster and identity: committed offsets, ends, groups, in one read a poll.

A client that fails again and again, or whose Secret changed, is replaced; nobody restarts for that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import structlog

from orderflow_lag.errors import AccessDenied, LagError
from orderflow_lag.monitor import GroupReport, LagMonitor
from orderflow_lag.observation import Subscription
from orderflow_lag.read import IsolatedReader
from orderflow_operator.access import Access

_FAILURES = 3  # in a row, after which the client itself may be what is broken

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class KafkaObserver:
    """Reads one Kafka cluster under one identity; used from one thread at a time."""

    timeout: float = 10.0
    count_markers: bool = True
    failures: int = 0
    _monitor: LagMonitor | None = None
    _reader: IsolatedReader | None = None
    _version: str = ""

    def look(self, access: Access, subscriptions: Iterable[Subscription]) -> list[GroupReport]:
        """Return a report for each subscription, in order; raise LagError."""
        monitor = self._client(access)
        try:
            seen = monitor.look(subscriptions)
        except LagError as error:
            self.failures += 1
            if isinstance(error, AccessDenied) or self.failures % _FAILURES == 0:
                self.close()
            raise
        self.failures = 0
        return seen

    def close(self) -> None:
        """Drop the client; the next read makes a new one."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _client(self, access: Access) -> LagMonitor:
        if self._reader is not None and self._monitor is not None and access.version == self._version:
            return self._monitor
        self.close()
        self._version = access.version
        if self._monitor is not None:
            log.info("a new Kafka client is made", cluster=str(access), failures=self.failures)
        config = dict(access.config) | {
            "topic.metadata.refresh.interval.ms": 10_000,
            "reconnect.backoff.max.ms": 1_000,
            "log.connection.close": False,
        }
        self._reader = IsolatedReader(
            config,
            timeout=self.timeout,
            tail_limit=100 if self.count_markers else 0,
            still_only=True,
        )
        if self._monitor is None:
            self._monitor = LagMonitor(self._reader, read_records=self.count_markers)
        else:  # what is known of the ends of the logs outlives the client
            self._monitor.reader = self._reader
        return self._monitor
