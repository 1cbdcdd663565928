"""`make down` and `make clean`: end what runs, remove what it left on disk."""

import os
import shutil
import signal
import time
from collections.abc import Callable

import psutil

from orderflow_local import state
from orderflow_local.errors import LocalError
from orderflow_local.layout import DataFolder
from orderflow_local.preflight import is_locked
from orderflow_local.processes import end_leftovers, of_run

STOP_WITHIN = 90.0  # seconds; each tier of processes has a bound of its own below that
POLL_EVERY = 0.1  # seconds


def stop(folder: DataFolder, say: Callable[[str], None]) -> None:
    """Stop the system of this data folder, whether its supervisor still lives or not."""
    run = state.load(folder.state)
    if is_locked(folder):
        if run is None:
            raise LocalError(f"The system in {folder.root} is only just starting; try again in a moment.")
        say("Stopping: API, workers, broker")
        _end_supervisor(folder, run.supervisor_pid)
    left = end_leftovers(run.run_id) if run else 0
    folder.state.unlink(missing_ok=True)
    if left:
        say(f"Ended {left} processes that were left behind.")
    say("Stopped; the data stays until `make clean`." if run else "Nothing runs here.")


def _end_supervisor(folder: DataFolder, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_WITHIN
    while is_locked(folder):
        if time.monotonic() > deadline:
            psutil.Process(pid).kill()
            deadline = float("inf")
        time.sleep(POLL_EVERY)


def remove(folder: DataFolder, say: Callable[[str], None]) -> None:
    """Remove all data, the logs and the state; the folder itself only if nothing else is in it."""
    run = state.load(folder.state)
    if is_locked(folder) or (run and any(of_run(run.run_id))):
        raise LocalError(f"The system in {folder.root} runs; stop it first with `make down`.")
    if not folder.root.exists():
        return
    for part in (folder.kafka, folder.logs):
        shutil.rmtree(part, ignore_errors=True)
    # SQLite has files beside its own, as has the lock on it.
    for file in (folder.state, folder.lock, *folder.root.glob(f"{folder.tables.name}*")):
        file.unlink(missing_ok=True)
    if not any(folder.root.iterdir()):
        folder.root.rmdir()
    say(f"Removed the data and logs in {folder.root}.")
