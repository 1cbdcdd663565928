"""The operator as a process of its own, with the identity that the chart gives it and no other rights."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from support.endpoint import Probed
from support.eventually import eventually
from support.forked import Forked, Origin

from orderflow_local.net import free_port

COMMAND = Path(sys.executable).with_name("orderflow-operator")
READY_WITHIN = 30.0
ARENAS = {"MALLOC_ARENA_MAX": "2"}  # as in the image
OPERATOR = Origin("orderflow_operator.cli.main:main", "orderflow_operator.run", environment=ARENAS)

# Quick, so that a test waits for what it tests and not for the next poll.
SETTINGS = {
    "poll_interval_seconds": 0.5,
    "kafka_timeout_seconds": 3,
    "secret_refresh_seconds": 1,
    "lease_seconds": 3,
    "lease_renew_seconds": 2,
    "lease_retry_seconds": 0.5,
    "health_host": "127.0.0.1",
    "log_format": "console",
}


@dataclass
class OperatorProcess(Probed):
    """One replica; its settings are given by name in lower case.

    Forked it begins sooner; begun by the command it is what a container has, its memory too.
    """

    kubeconfig: Path
    namespace: str
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)
    is_forked: bool = False
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | Forked | None = None

    @property
    def log(self) -> str:
        """What it has printed."""
        return self._log_file.read_text()

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> OperatorProcess:
        """Start it and return at once."""
        settings = SETTINGS | self.settings
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("KUBE")},
            **{name.upper(): str(value) for name, value in settings.items()},
            **ARENAS,
            "KUBECONFIG": str(self.kubeconfig),
            "WATCH_NAMESPACES": self.namespace,
            "HEALTH_PORT": str(self.port),
            "INSTANCE_NAME": f"operator-{self.port}",
        }
        if self.is_forked:
            self._process = OPERATOR.start(
                ["run"], environment=environment, folder=Path.cwd(), log=self._log_file
            )
            return self
        with self._log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [str(COMMAND), "run"], env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        return self

    def wait_ready(self) -> OperatorProcess:
        """Return once /readyz says so."""

        def ready() -> bool:
            assert self._process is not None
            if self._process.poll() is not None:
                raise RuntimeError(f"the operator ended with {self._process.returncode}:\n{self.log}")
            return self.get("/readyz")[0] == 200

        eventually(ready, within=READY_WITHIN)
        return self

    def leads(self) -> bool:
        """Tell whether this replica holds the Lease."""
        return self.metric("orderflow_operator_leader") == 1

    def decisions(self) -> list[dict[str, Any]]:
        """Return the last decisions."""
        answer = self.get("/decisions")[1]
        found: list[dict[str, Any]] = json.loads(answer)["decisions"] if answer else []
        return found

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Stop it for a moment, so that it sees what is done meanwhile as a whole or not at all.

        A broker appends to one partition after the other, a tenth of a second for six new ones. Kafka is read
        by a process beside it: what that was asked just now it answers before anything is done.
        """
        self.send(signal.SIGSTOP)
        try:
            eventually(self._is_still, within=10)
            yield
        finally:
            self.send(signal.SIGCONT)

    def _is_still(self) -> bool:
        process = psutil.Process(self.pid)
        # What the kernel keeps a process waiting in; with work to do it would be none, or another one.
        waits_in = [Path(f"/proc/{child.pid}/wchan").read_text() for child in process.children()]
        return process.status() == psutil.STATUS_STOPPED and all("read" in each for each in waits_in)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        assert self._process is not None
        self._process.wait()

    def stop(self, within: float = 20) -> int:
        """Ask it to end and return its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self.send(signal.SIGCONT)
            self.send(signal.SIGTERM)
        try:
            return self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    @property
    def _log_file(self) -> Path:
        return self.folder / f"operator-{self.port}.log"
