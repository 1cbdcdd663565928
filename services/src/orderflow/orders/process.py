"""One process of the Order Service: the HTTP server, the intake and its watchdogs, from start to exit."""

from __future__ import annotations

import gc
import signal
import socket
from types import FrameType

import structlog
import uvicorn

from orderflow.orders.app import create_app
from orderflow.orders.health import Lifecycle
from orderflow.orders.intake import SERVICE, open_intake
from orderflow.orders.one_write import OneWriteProtocol
from orderflow.orders.settings import OrdersSettings
from orderflow.streaming.metrics import watched
from orderflow.streaming.watchdog import Watchdog
from orderflow_process.logs import configure_logs

log = structlog.get_logger(__name__)

# Another process has our name; starting this one again would only go on with the fight.
DEFEATED = 3

# How long answers may take to get out after the last order was committed.
_LAST_ANSWERS_SECONDS = 5


class _Server(uvicorn.Server):
    """Tells the probes first when it has to stop."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._lifecycle.stopping = True
        super().handle_exit(sig, frame)


def serve(settings: OrdersSettings, number: int, listener: socket.socket) -> int:
    """Serve as process `number` of this instance until SIGTERM or SIGINT; return the exit code.

    Whoever was let in is answered: requests finish, what waits is committed, then it ends.
    """
    configure_logs(SERVICE, settings.log_level, settings.log_format, instance=settings.instance_name)
    lifecycle, exit_code = Lifecycle(), 0

    def give_up(reason: str) -> None:
        nonlocal exit_code
        exit_code = DEFEATED
        log.critical("giving up", reason=reason)
        lifecycle.stopping = True
        server.should_exit = True

    intake = open_intake(settings, number, give_up)
    limit = settings.watchdog_seconds
    watchdogs = [
        Watchdog(progress, limit, tell=watched(SERVICE, limit, lane))
        for lane, progress in enumerate(intake.progress)
    ]
    lifecycle.live = lambda: all(watchdog.alive for watchdog in watchdogs)
    app = create_app(intake, settings, lifecycle)
    server = _Server(_config(app, settings), lifecycle)
    for signal_number in (signal.SIGTERM, signal.SIGINT):
        # For signals before the server listens; also, it raises them once more when it is done.
        signal.signal(signal_number, server.handle_exit)
    intake.start()
    for watchdog in watchdogs:
        watchdog.start()
    _tame_garbage_collector()
    host, port = listener.getsockname()[:2]
    log.info("started", number=number, address=f"{host}:{port}")
    server.run(sockets=[listener])
    for end in lifecycle.at_end:
        end()
    intake.stop(settings.api_deadline_seconds)
    for watchdog in watchdogs:
        watchdog.stop()
    log.info("stopped", exit_code=exit_code)
    return exit_code


def _config(app: object, settings: OrdersSettings) -> uvicorn.Config:
    return uvicorn.Config(
        app,  # type: ignore[arg-type]
        loop="uvloop",
        http=OneWriteProtocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        # Longer than the idle timeout of load balancers, which must be the one to hang up.
        timeout_keep_alive=75,
        timeout_graceful_shutdown=int(settings.api_deadline_seconds) + _LAST_ANSWERS_SECONDS,
    )


def _tame_garbage_collector() -> None:
    # A full collection walks all modules and stops every request meanwhile: it doubled the p99. What is
    # there now stays for good, and requests leave no cycles behind that would be urgent to find.
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
