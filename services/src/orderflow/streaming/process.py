"""A loop as a process: signals, logs, health endpoint and watchdog around it."""

from __future__ import annotations

import gc
import signal
from collections.abc import Callable
from types import FrameType
from typing import Protocol

import structlog

from orderflow.observability import at_work
from orderflow.streaming import metrics
from orderflow.streaming.health import health_pages
from orderflow.streaming.heap import free_small_blocks_at_once
from orderflow.streaming.progress import Progress
from orderflow.streaming.service import E, Service
from orderflow.streaming.settings import ConsumerSettings, WorkerSettings
from orderflow.streaming.watchdog import Watchdog
from orderflow.streaming.worker import Worker
from orderflow_process.endpoint import Endpoint
from orderflow_process.logs import configure_logs

log = structlog.get_logger(__name__)


class Loop(Protocol):
    """What a consuming process does: `run` works until `stop`, and `progress` tells how it is doing."""

    progress: Progress

    def run(self) -> None: ...

    def stop(self) -> None: ...


def run_worker(service: Service[E], settings: WorkerSettings) -> None:
    """Run a service until SIGTERM or SIGINT; raise WorkerStopped or PortTaken if it cannot run."""
    run_loop(service.name, lambda: Worker(service, settings), settings)


def run_loop(name: str, make: Callable[[], Loop], settings: ConsumerSettings) -> None:
    """Run a loop until SIGTERM or SIGINT; raise WorkerStopped or PortTaken if it cannot run."""
    configure_logs(
        name,
        settings.log_level,
        settings.log_format,
        instance=settings.instance_name,
        context=lambda: at_work.fields(settings.group),
    )
    free_small_blocks_at_once()
    loop = make()
    tell = metrics.watched(name, settings.watchdog_seconds)
    watchdog = Watchdog(loop.progress, settings.watchdog_seconds, tell=tell)
    metrics.READY.labels(name).set_function(lambda: loop.progress.ready and watchdog.alive)
    pages = health_pages(loop.progress, lambda: watchdog.alive)
    health = Endpoint(settings.health_host, settings.health_port, pages)

    def stop(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        loop.stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    # Everything made so far stays, so the collector need not look at it again; and a batch is thousands of
    # tuples that die together, so it may look rarely.
    gc.freeze()
    gc.set_threshold(200_000, 10, 10)
    health.start()
    watchdog.start()
    log.info("started", group=settings.group, health_port=health.port)
    try:
        loop.run()
    finally:
        health.stop()
        watchdog.stop()
    log.info("stopped")
