"""Several processes behind one port, each with a number of its own that outlives it.

The number is part of the transactional ids, so whoever follows on a process settles what that left open.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from types import FrameType

import structlog
from prometheus_client.multiprocess import mark_process_dead

from orderflow.orders.metrics import SHARED_DIR
from orderflow.orders.process import DEFEATED, serve
from orderflow.orders.settings import OrdersSettings

log = structlog.get_logger(__name__)

_FIRST_PAUSE_SECONDS = 0.5
_LONGEST_PAUSE_SECONDS = 5.0
_STEADY_SECONDS = 30.0


def serve_in_processes(settings: OrdersSettings, listener: socket.socket) -> int:
    """Keep API_WORKERS processes running until SIGTERM or SIGINT; return the exit code."""
    shared = tempfile.mkdtemp(prefix="orderflow-metrics-")
    # Read when prometheus-client is imported, which in the new processes is still to come.
    os.environ[SHARED_DIR] = shared
    try:
        return _Workers(settings, listener).run()
    finally:
        del os.environ[SHARED_DIR]
        shutil.rmtree(shared, ignore_errors=True)


class _Workers:
    """The processes by number, and what to do when one ends."""

    def __init__(self, settings: OrdersSettings, listener: socket.socket) -> None:
        self._settings = settings
        self._listener = listener
        self._processes: dict[int, SpawnProcess] = {}
        self._started_at: dict[int, float] = {}
        self._pauses: dict[int, float] = {}
        self._stopping = False
        self._exit_code = 0

    def run(self) -> int:
        for asked in (signal.SIGTERM, signal.SIGINT):
            signal.signal(asked, self._stop)
        for number in range(self._settings.api_workers):
            self._start(number)
        while self._processes:
            # The signal handler ends the processes, and that ends the wait.
            wait([process.sentinel for process in self._processes.values()])
            for number, process in list(self._processes.items()):
                if not process.is_alive():
                    self._ended(number, process)
        return self._exit_code

    def _start(self, number: int) -> None:
        process = multiprocessing.get_context("spawn").Process(
            target=_worker, args=(self._settings, number, self._listener), name=f"orders-{number}"
        )
        process.start()
        self._processes[number] = process
        self._started_at[number] = time.monotonic()

    def _ended(self, number: int, process: SpawnProcess) -> None:
        process.join()
        del self._processes[number]
        if process.pid is not None:
            mark_process_dead(process.pid)  # type: ignore[no-untyped-call]
        if process.exitcode == DEFEATED:
            self._stop()
        if self._stopping:
            # Ended before it could listen to signals: it had not begun.
            code = 0 if process.exitcode == -signal.SIGTERM else abs(process.exitcode or 0)
            self._exit_code = self._exit_code or code
            return
        if time.monotonic() - self._started_at[number] > _STEADY_SECONDS:
            self._pauses.pop(number, None)
        pause = self._pauses.get(number, _FIRST_PAUSE_SECONDS)
        self._pauses[number] = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        log.error(
            "a process ended; starting it again", number=number, exit_code=process.exitcode, after=pause
        )
        time.sleep(pause)
        if not self._stopping:
            self._start(number)

    def _stop(self, _number: int = 0, _frame: FrameType | None = None) -> None:
        self._stopping = True
        for process in list(self._processes.values()):
            process.terminate()


def _worker(settings: OrdersSettings, number: int, listener: socket.socket) -> None:
    threading.Thread(target=_end_with_parent, name="parent-watch", daemon=True).start()
    own = settings.model_copy(update={"instance_name": f"{settings.instance_name}-{number}"})
    sys.exit(serve(own, number, listener))


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)
