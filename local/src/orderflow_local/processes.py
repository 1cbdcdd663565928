"""Processes of this machine: started in sessions of their own, asked over HTTP, ended for certain."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import psutil

from orderflow_local.plan import RUN_ID

STOP_WITHIN = 20.0  # seconds a service has for its open transaction and for leaving its group
PROBE_WITHIN = 2.0  # seconds


def spawn_service(service: str, environment: Mapping[str, str], log: Path) -> subprocess.Popen[bytes]:
    """Start `orderflow run SERVICE` in a session of its own, its output appended to the log."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "orderflow", "run", service],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def probe(port: int, host: str = "127.0.0.1") -> tuple[bool, str]:
    """Ask /readyz; return whether the process is ready, and else what it waits for."""
    connection = http.client.HTTPConnection(host, port, timeout=PROBE_WITHIN)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return False, "does not answer yet"
    finally:
        connection.close()
    return answer.status == 200, _reason(body)


def _reason(body: bytes) -> str:
    try:
        return str(json.loads(body).get("reason", ""))
    except (ValueError, AttributeError):
        return "gives no reason"


def stop_all(processes: Iterable[subprocess.Popen[bytes]], within: float = STOP_WITHIN) -> None:
    """Ask all to end at the same moment, wait, and kill what is still there with all its children."""
    living = [process for process in processes if process.poll() is None]
    for process in living:
        process.send_signal(signal.SIGCONT)
        process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + within
    for process in living:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            kill(process)
            process.wait()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process that would not go, with all its children; it is left to `poll()` to see it gone."""
    os.killpg(process.pid, signal.SIGKILL)


def of_run(run_id: str) -> Iterator[psutil.Process]:
    """Yield every process that a run started, its children included.

    A run marks the environment of what it starts, so a pid that was given to somebody else since
    is never taken for one of ours.
    """
    for process in psutil.process_iter():
        try:
            if process.environ().get(RUN_ID) == run_id and process.pid != os.getpid():
                yield process
        except (psutil.Error, OSError):
            continue


def end_leftovers(run_id: str, within: float = STOP_WITHIN) -> int:
    """End what a killed supervisor left behind, services before the broker; return how many there were."""
    left = list(of_run(run_id))
    brokers = [process for process in left if _is_java(process)]
    services = [process for process in left if process not in brokers]
    for tier in (services, brokers):
        for process in tier:
            _send(process, signal.SIGCONT, signal.SIGTERM)
        _, alive = psutil.wait_procs(tier, timeout=within)
        for process in alive:
            _send(process, signal.SIGKILL)
        psutil.wait_procs(alive, timeout=within)
    return len(left)


def _is_java(process: psutil.Process) -> bool:
    try:
        return "java" in process.name()
    except psutil.Error:
        return False


def _send(process: psutil.Process, *numbers: signal.Signals) -> None:
    for number in numbers:
        try:
            process.send_signal(number)
        except psutil.NoSuchProcess:
            return
