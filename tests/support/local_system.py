"""`orderflow-local` as a person runs it: a process with a folder and ports of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from support.brokers import RunningBroker
from support.eventually import eventually

from orderflow_local import state
from orderflow_local.net import free_port
from orderflow_local.processes import of_run
from orderflow_local.state import ProcessState, RunState

READY_WITHIN = 90.0


@dataclass
class LocalSystem:
    """One data folder and what was started in it."""

    folder: Path
    environment: dict[str, str]
    api_port: int = field(default_factory=free_port)
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)
    run_ids: set[str] = field(default_factory=set)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def console(self) -> str:
        return (self.folder / "console").read_text()

    @property
    def state(self) -> RunState:
        found = state.load(self.data / "state.json")
        assert found is not None, self.console
        self.run_ids.add(found.run_id)
        return found

    def process(self, name: str) -> ProcessState:
        return self.state.processes[name]

    def command(self, name: str, **settings: object) -> subprocess.CompletedProcess[str]:
        """Run one command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "orderflow_local", name],
            cwd=self.folder,
            env=self._environment(settings),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=READY_WITHIN,
            check=False,
        )

    def up(self, **settings: object) -> subprocess.Popen[bytes]:
        """Start the system in the foreground of another process and return when it is ready."""
        with (self.folder / "console").open("ab") as console:
            supervisor = subprocess.Popen(
                [sys.executable, "-m", "orderflow_local", "up"],
                cwd=self.folder,
                env=self._environment(settings),
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
            )
        self.started.append(supervisor)

        def ready() -> bool:
            if supervisor.poll() is not None:
                raise RuntimeError(self.console)
            return self.state.ready and self.state.supervisor_pid == supervisor.pid

        eventually(ready, within=READY_WITHIN)
        return supervisor

    @contextmanager
    def following(self) -> Iterator[Callable[[], list[str]]]:
        """Run the command that follows the logs; yield a look at the lines it has printed."""
        shown = self.folder / "followed"
        with shown.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-u", "-m", "orderflow_local", "logs"],
                cwd=self.folder,
                env=self._environment({}),
                stdout=output,
                stderr=output,
            )
        try:
            yield lambda: shown.read_text().splitlines()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(20) == 0, shown.read_text()

    def left(self) -> list[psutil.Process]:
        """Return the living processes of every run seen here."""
        return [process for run_id in self.run_ids for process in of_run(run_id)]

    def _environment(self, settings: dict[str, object]) -> dict[str, str]:
        chosen = {name.upper(): str(value) for name, value in settings.items()}
        own = {"ORDERFLOW_DATA_DIR": str(self.data), "API_PORT": str(self.api_port)}
        return {**os.environ, **own, **self.environment, **chosen}


@contextmanager
def local_system(folder: Path, **environment: str) -> Iterator[LocalSystem]:
    """Yield a system that has not been started; whatever runs at the end is ended."""
    system = LocalSystem(folder, environment)
    try:
        yield system
    finally:
        for supervisor in system.started:
            if supervisor.poll() is None:
                supervisor.send_signal(signal.SIGTERM)
                supervisor.wait(60)
        for process in system.left():
            process.kill()


@contextmanager
def on_shared_broker(
    broker: RunningBroker, namespace: str, folder: Path, payments: str = "", **environment: str
) -> Iterator[LocalSystem]:
    """Yield a system that uses the broker of the test run, in topics and groups of its own.

    `payments` are further lines of the Payment Service's env file.
    """
    (folder / "config").mkdir()
    for service, lines in (("payments", payments), ("notifications", ""), ("analytics", "")):
        own = f"KAFKA_GROUP_ID={namespace}{service}\n{lines}"
        (folder / "config" / f"{service}.env").write_text(own)
    servers = broker.bootstrap_servers
    where = {"KAFKA_BOOTSTRAP_SERVERS": servers, "TOPIC_PREFIX": namespace, "YES": "1"}
    with local_system(folder, **where, **environment) as system:
        yield system
