"""Processes under measurement: how they are started and stopped, and what they cost."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

LOGS = Path("build/bench")
MIB = 1024 * 1024


class ContenderFailed(Exception):
    """A measured process ended or stood still; the text says where its log is."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Processor seconds used so far, since different moments: only differences mean something."""

    measured: float
    broker: float
    foreign: float

    def since(self, earlier: Cost) -> Cost:
        return Cost(
            self.measured - earlier.measured, self.broker - earlier.broker, self.foreign - earlier.foreign
        )


class Running:
    """The processes of one contender, each in a session of its own."""

    def __init__(self, name: str, processes: Sequence[subprocess.Popen[bytes]], log: Path) -> None:
        self.name = name
        self.log = log
        self._processes = processes
        self._roots = [psutil.Process(process.pid) for process in processes]

    def check_alive(self) -> None:
        """Raise ContenderFailed if a process has ended."""
        for process in self._processes:
            if process.poll() is not None:
                raise ContenderFailed(f"{self.name} ended with code {process.returncode}; see {self.log}")

    def cpu_seconds(self) -> float:
        """Return the processor time of all processes and their children."""
        return sum(_cpu_seconds(process) for process in self._family())

    def rss_mib(self) -> list[float]:
        """Return the resident memory of each process, its children included."""
        return [sum(_rss(each) for each in _with_children(root)) / MIB for root in self._roots]

    def cost(self, broker: psutil.Process) -> Cost:
        """Return what was used so far by these processes, by the broker and by anybody but us."""
        measured, of_broker = self.cpu_seconds(), _cpu_seconds(broker)
        driver, family = psutil.Process(), self._family()
        children = [each for each in _with_children(driver)[1:] if each not in (broker, *family)]
        # A load generator that has ended is found among what its parent, this process, has waited for.
        ended = driver.cpu_times()
        of_driver = sum(map(_cpu_seconds, (driver, *children))) + ended.children_user + ended.children_system
        return Cost(measured, of_broker, _busy_seconds() - measured - of_broker - of_driver)

    def stop(self) -> None:
        """End the processes, politely first; none is left afterwards."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)

    def _family(self) -> list[psutil.Process]:
        return [each for root in self._roots for each in _with_children(root)]


@contextmanager
def running(name: str, argv: Sequence[str], environments: Sequence[Mapping[str, str]]) -> Iterator[Running]:
    """Run `argv` once per environment; all are stopped on the way out."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{name.replace(' ', '-')}.log"
    # What the caller's shell happens to set for one service must not change a measurement.
    kept = {key: os.environ[key] for key in ("PATH", "HOME", "LANG", "TMPDIR") if key in os.environ}
    with log.open("wb") as out:
        processes = [
            subprocess.Popen(
                argv, env=kept | dict(environment), stdout=out, stderr=out, start_new_session=True
            )
            for environment in environments
        ]
    contender = Running(name, processes, log)
    try:
        yield contender
    finally:
        contender.stop()


def _with_children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return times.user + times.system


def _rss(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.NoSuchProcess:
        return 0


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq)
