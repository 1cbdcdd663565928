"""`make up`: check this machine, start the system, stay with it or leave it running."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import typer
from rich.console import Console

from orderflow_local import plan, preflight, state
from orderflow_local.errors import LocalError
from orderflow_local.kafka import Distribution, obtain, prepare
from orderflow_local.layout import DataFolder
from orderflow_local.logs import last_line
from orderflow_local.processes import end_leftovers
from orderflow_local.settings import LocalSettings
from orderflow_local.supervisor import Say, Supervisor

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
SUPERVISOR_LOG = "supervisor"
EXIT_FAILED = 1


def run(settings: LocalSettings, folder: DataFolder, console: Console) -> None:
    """Start the system; return once it was stopped, or with DETACH once it is ready."""
    _warn(settings, console)
    if preflight.is_locked(folder):
        with preflight.locked(folder):  # says who holds it
            return
    distribution = None if settings.kafka_bootstrap_servers else _own_kafka(console)
    if settings.kafka_bootstrap_servers:
        ask = typer.confirm if sys.stdin.isatty() else None
        preflight.confirm_topics(settings.kafka_bootstrap_servers, settings.yes, ask)
    if settings.detach:
        _leave_running(settings, folder, console)
    else:
        _stay(settings, folder, distribution, console)


def _own_kafka(console: Console) -> Distribution:
    distribution = obtain(console)
    prepare(distribution, console)
    return distribution


def _warn(settings: LocalSettings, console: Console) -> None:
    if "KAFKA_GROUP_ID" in os.environ:
        console.print(
            f"Warning: KAFKA_GROUP_ID={os.environ['KAFKA_GROUP_ID']} is not passed on, because each service"
            " has a group of its own; set it in config/<service>.env instead.",
            markup=False,
        )
        del os.environ["KAFKA_GROUP_ID"]
    if settings.host not in ("127.0.0.1", "localhost", "::1"):
        console.print(
            f"Warning: HOST={settings.host} opens the API to the network: whoever reaches this machine can"
            " place orders, unless API_KEYS is set.",
            markup=False,
        )


def _stay(
    settings: LocalSettings, folder: DataFolder, distribution: Distribution | None, console: Console
) -> None:
    def say(sentence: str) -> None:
        console.print(sentence, markup=False, highlight=False, soft_wrap=True)

    with preflight.locked(folder), suppress(KeyboardInterrupt), _signals_interrupt():
        _clear_leftovers(folder, say)
        _require_room(settings)
        supervisor = Supervisor(settings, folder, distribution, say)
        try:
            supervisor.start()
            say(announcement(supervisor.api_url, supervisor.bootstrap_servers, folder))
            supervisor.watch()
        finally:
            _ignore_signals()
            say("Stopping: API, workers, broker")
            supervisor.stop()
            say("Stopped; the data stays until `make clean`.")


def _clear_leftovers(folder: DataFolder, say: Say) -> None:
    if left := state.load(folder.state):
        count = end_leftovers(left.run_id)
        if count:
            say(f"Ended {count} processes that an earlier run left behind.")
        folder.state.unlink(missing_ok=True)


def _require_room(settings: LocalSettings) -> None:
    preflight.require_port("API_PORT", settings.host, settings.api_port)
    if settings.kafka_bootstrap_servers is None:
        preflight.require_port("KAFKA_PORT", "127.0.0.1", settings.kafka_port)
    heap = None if settings.kafka_bootstrap_servers else settings.kafka_heap
    services = len(plan.slots(settings.payment_workers, settings.notification_workers))
    preflight.require_memory(plan.memory_needed(heap, services), preflight.available_memory())


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """Let every signal that asks for an end do what Ctrl-C does, inside this block."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in STOPPING_SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Finish stopping, however often somebody asks for it."""
    for number in STOPPING_SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _leave_running(settings: LocalSettings, folder: DataFolder, console: Console) -> None:
    """Start this very command in the background and return when its system is ready."""
    folder.logs.mkdir(parents=True, exist_ok=True)
    log = folder.log_of(SUPERVISOR_LOG)
    log.unlink(missing_ok=True)
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "orderflow_local", "up"],
            env={**os.environ, "DETACH": "0", "YES": "1"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        with console.status("Starting"):
            while not _is_ready(folder, supervisor.pid):
                if supervisor.poll() is not None:
                    raise LocalError(last_line(log).removeprefix("orderflow: "))
                time.sleep(0.1)
    except KeyboardInterrupt:
        supervisor.terminate()
        supervisor.wait()
        raise
    run = state.load(folder.state)
    if run:
        console.print(announcement(run.api_url, run.bootstrap_servers, folder), markup=False, soft_wrap=True)
    # It is not ours any more: nobody waits for it here.
    supervisor.returncode = 0


def _is_ready(folder: DataFolder, pid: int) -> bool:
    run = state.load(folder.state)
    return run is not None and run.supervisor_pid == pid and run.ready


def announcement(api_url: str, bootstrap_servers: str, folder: DataFolder) -> str:
    """Return what a newcomer wants to know once everything is ready."""
    order = '{"user_id": "alice", "item": "book", "quantity": 2}'
    return f"""
Orderflow is ready.
  Console   {api_url}/
  API       {api_url}
  API docs  {api_url}/docs
  Kafka     {bootstrap_servers}
  Logs      {folder.logs} (make logs)

Place an order, then watch it with the order_id of the answer:
  curl -i {api_url}/orders -H 'Content-Type: application/json' -d '{order}'
  .venv/bin/orderflow orders watch ORDER_ID --kafka-bootstrap-servers {bootstrap_servers}
"""
