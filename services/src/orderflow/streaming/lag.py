"""Lag for a process that serves others meanwhile: the Kafka client lives in a process of its own.

A changed password or certificate is taken over with the next look, by another such process.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Self

from orderflow.streaming.clients import connection_config
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings
from orderflow_lag.errors import AccessDenied
from orderflow_lag.monitor import GroupReport, LagMonitor
from orderflow_lag.observation import Subscription
from orderflow_lag.read import IsolatedReader


class LagClient:
    """Looks at the same groups again and again, from one thread; `timeout` bounds each round of questions."""

    def __init__(
        self, settings: KafkaSettings, subscriptions: Iterable[Subscription], timeout: float
    ) -> None:
        self._settings = settings
        self._subscriptions = tuple(subscriptions)
        self._timeout = timeout
        self._login = Login(settings)
        self._logged_in: tuple[int, dict[str, Any]] | None = None
        self._reader: IsolatedReader | None = None
        self._monitor: LagMonitor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def look(self) -> list[GroupReport]:
        """Return a report of each group, in order; raise LagError when no broker answers."""
        monitor = self._current()
        try:
            return monitor.look(self._subscriptions)
        except AccessDenied:
            self.close()
            raise

    def close(self) -> None:
        """End the client's process; the next look has another."""
        if self._reader is not None:
            self._reader.close()
        self._reader = None

    def kill(self) -> None:
        """End a look that is under way, from any thread."""
        if reader := self._reader:
            with suppress(ValueError):  # it has ended meanwhile
                reader.kill()

    def _current(self) -> LagMonitor:
        self._login.look()
        login = self._login.version, self._login.config()
        if self._reader is not None and self._monitor is not None and login == self._logged_in:
            return self._monitor
        self.close()
        self._logged_in = login
        config = connection_config(self._settings) | self._login.config()
        self._reader = IsolatedReader(config, timeout=self._timeout)
        if self._monitor is None:
            self._monitor = LagMonitor(self._reader)
        # What is known of the ends of the logs outlives the client.
        self._monitor.reader = self._reader
        return self._monitor
