"""The service processes a supervisor has, and waiting for them."""

import subprocess
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from orderflow_local.errors import LocalError
from orderflow_local.layout import DataFolder
from orderflow_local.logs import last_line
from orderflow_local.plan import Slot
from orderflow_local.processes import probe

READY_WITHIN = 60.0  # seconds
LOOK_EVERY = 0.1  # seconds


@dataclass
class Child:
    """A slot with the process that fills it now, and its record of early ends.

    One that was scaled down has until `leaves_by` to finish what it has begun.
    """

    slot: Slot
    process: subprocess.Popen[bytes]
    port: int
    started: float  # monotonic seconds
    failures: int = 0
    restarts: int = 0
    start_again_at: float | None = None
    leaves_by: float | None = None


def await_ready(children: Iterable[Child], host_of: Callable[[Slot], str], folder: DataFolder) -> None:
    """Return once all are ready; raise LocalError when one ends or takes too long."""
    waiting, reasons = {child.slot.name: child for child in children}, dict[str, str]()
    deadline = time.monotonic() + READY_WITHIN
    while waiting:
        for name, child in list(waiting.items()):
            _require_running(child, folder)
            ready, reasons[name] = probe(child.port, host_of(child.slot))
            if ready:
                del waiting[name]
        if waiting and time.monotonic() > deadline:
            name = next(iter(waiting))
            raise LocalError(
                f"{name} is not ready after {READY_WITHIN:.0f} s: it {reasons[name]};"
                f" see {folder.log_of(name)}."
            )
        time.sleep(LOOK_EVERY)


def how_it_ended(code: int) -> str:
    """Return an exit code as people say it."""
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _require_running(child: Child, folder: DataFolder) -> None:
    code = child.process.poll()
    if code is not None:
        log = folder.log_of(child.slot.name)
        raise LocalError(
            f"{child.slot.name} ended with {how_it_ended(code)} while starting: {last_line(log)} (see {log})"
        )
