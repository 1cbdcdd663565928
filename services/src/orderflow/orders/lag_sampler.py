"""Looks at the lag of the pipeline's groups beside the requests, so that an answer is there when asked for.

Each process has its own, which begins with the first question. From then on it keeps looking, since the
seconds are interpolated between its own samples.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol, Self

import structlog

from orderflow_lag.document import LagDocument, lag_document
from orderflow_lag.errors import LagError
from orderflow_lag.monitor import GroupReport
from orderflow_process.settings import SettingsError

log = structlog.get_logger(__name__)

STALE_SECONDS = 3.0
_UNASKED_SECONDS = 60.0
_LEISURE_SECONDS = 10.0
_FIRST_SECONDS = 5.0
_END_SECONDS = 3.0


class Client(Protocol):
    """What a sampler needs of Kafka; used as a context of its own thread."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *_error: object) -> None: ...

    def look(self) -> list[GroupReport]:
        """Return a report of each group; raise LagError."""

    def kill(self) -> None:
        """End a look that is under way, from any thread."""


class LagUnknown(Exception):
    """The brokers have told nothing yet; the text says why."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What the last good look showed; `moment` is on the steady clock. `trouble`: why none came since."""

    groups: tuple[LagDocument, ...]
    at: datetime
    moment: float
    trouble: str | None = None

    @property
    def age_seconds(self) -> float:
        return time.monotonic() - self.moment

    @property
    def stale(self) -> bool:
        return self.trouble is not None or self.age_seconds > STALE_SECONDS


@dataclass(frozen=True, slots=True)
class _Latest:
    """What the thread leaves for the requests, always as a whole; `next` ends with the next look."""

    figures: Figures | None = None
    trouble: str | None = None
    next: Future[None] = field(default_factory=Future)


class LagSampler:
    """Looks every second while somebody asks, at leisure when nobody has for a minute."""

    def __init__(self, connect: Callable[[], Client], *, every_seconds: float = 1.0) -> None:
        self._connect = connect
        self._every_seconds = every_seconds
        self._client: Client | None = None
        self._latest = _Latest()
        self._asked_at = 0.0
        self._wake = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    async def figures(self) -> Figures:
        """Return the last figures, or wait a moment for the next if those are old; raise LagUnknown."""
        self._asked_at = time.monotonic()
        self._start()
        latest = self._latest
        if latest.trouble is None and (latest.figures is None or latest.figures.stale):
            self._wake.set()
            patience = _FIRST_SECONDS if latest.figures is None else self._every_seconds
            with suppress(TimeoutError):
                # Shielded: others may wait for the same look.
                await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(latest.next)), patience)
        latest = self._latest
        if latest.figures is None:
            raise LagUnknown(latest.trouble or "the brokers have not answered yet")
        return latest.figures

    def last(self) -> Figures | None:
        """Return the last figures without any wait, None before there are any."""
        self._asked_at = time.monotonic()
        self._start()
        return self._latest.figures

    def stop(self) -> None:
        """End the thread and what it has of Kafka."""
        self._stopped.set()
        self._wake.set()
        if self._thread is not None:
            if client := self._client:
                client.kill()
            self._thread.join(_END_SECONDS)

    def _start(self) -> None:
        if not self._stopped.is_set() and (self._thread is None or not self._thread.is_alive()):
            self._thread = threading.Thread(target=self._run, name="lag-sampler", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                with self._connect() as self._client:
                    self._look_again_and_again(self._client)
            except SettingsError as error:
                self._leave(self._latest.figures, str(error))
                self._rest()

    def _look_again_and_again(self, client: Client) -> None:
        while not self._stopped.is_set():
            moment = time.monotonic()
            try:
                reports = client.look()
            except LagError as error:
                self._leave(self._latest.figures, str(error))
            else:
                at = datetime.fromtimestamp(max(report.at for report in reports), UTC)
                self._leave(Figures(tuple(map(lag_document, reports)), at, moment), None)
            self._rest()

    def _leave(self, figures: Figures | None, trouble: str | None) -> None:
        before = self._latest
        if trouble != before.trouble:
            log.info("lag seen", reason=trouble)
        self._latest = _Latest(replace(figures, trouble=trouble) if figures else None, trouble)
        before.next.set_result(None)

    def _rest(self) -> None:
        unasked = time.monotonic() - self._asked_at > _UNASKED_SECONDS
        self._wake.wait(_LEISURE_SECONDS if unasked else self._every_seconds)
        self._wake.clear()
