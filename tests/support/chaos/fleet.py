"""The services as processes under a supervisor: who dies is started again under its name, as in a pod."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field

from support.pipeline import Pipeline, ServiceProcess

_PAUSE = 0.5  # seconds until a dead process is started again
_GRACE = 30.0  # seconds a process may take to end before it is killed, as on Kubernetes


@dataclass
class Replica:
    """One process by its name, which it keeps through every restart."""

    service: str
    name: str
    settings: dict[str, object]
    wanted: bool = True
    process: ServiceProcess | None = None
    expected: bool = False  # that it ends
    killed_at: float | None = None  # unless it has ended by then
    start_at: float = 0.0

    @property
    def runs(self) -> bool:
        """Tell whether the process is there; a frozen one is."""
        return self.process is not None and self.process.process.poll() is None


@dataclass
class Fleet:
    """All replicas. `tend(now)` is called often and does what a supervisor does; `now` in seconds.

    note: hears of every start and end. surprises: replicas that ended without being told to.
    """

    pipeline: Pipeline
    note: Callable[[str], None]
    replicas: dict[str, Replica] = field(default_factory=dict)
    surprises: list[str] = field(default_factory=list)

    def scale(self, service: str, count: int, **settings: object) -> None:
        """Let `count` replicas of a service run, named SERVICE-1 and on; new ones get the settings."""
        for number in range(1, count + 1):
            name = f"{service}-{number}"
            self.replicas.setdefault(name, Replica(service, name, dict(settings))).wanted = True
        for replica in self.replicas.values():
            if replica.service == service and int(replica.name.rsplit("-", 1)[1]) > count:
                replica.wanted = False

    def change(self, name: str, **settings: object) -> None:
        """Let a replica end in order and come back with other settings."""
        replica = self.replicas[name]
        replica.settings |= settings
        self.signal(name, signal.SIGTERM)

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a replica, if it runs."""
        replica = self.replicas[name]
        if replica.runs and replica.process:
            replica.expected |= number in (signal.SIGKILL, signal.SIGTERM)
            replica.process.send(number)

    @property
    def all_ready(self) -> bool:
        """Tell whether every replica that should run says that it is ready."""
        return all(
            each.runs and each.process is not None and each.process.get("/readyz")[0] == 200
            for each in self.replicas.values()
            if each.wanted
        )

    def tend(self, now: float) -> None:
        """Start what should run and end what should not."""
        for replica in self.replicas.values():
            if replica.runs:
                self._let_go(replica, now)
                continue
            if replica.process is not None:
                self._bury(replica, now)
            if replica.wanted and now >= replica.start_at:
                replica.process = self.pipeline.start(replica.service, replica.name, **replica.settings)
                if isinstance(port := replica.settings.get("api_port"), int):
                    replica.process.port = port  # Its probes are on the API's own port.
                self.note(f"{replica.name} starts")

    def _let_go(self, replica: Replica, now: float) -> None:
        """Ask a replica that is not wanted to end, and after a while do not ask."""
        if replica.wanted or replica.process is None:
            replica.killed_at = None
        elif replica.killed_at is None:
            replica.killed_at, replica.expected = now + _GRACE, True
            replica.process.send(signal.SIGTERM)
        elif now > replica.killed_at:
            self.note(f"{replica.name} has not ended in {_GRACE:g} s and is killed")
            replica.process.kill()

    def _bury(self, replica: Replica, now: float) -> None:
        code = replica.process.process.returncode if replica.process else None
        self.note(f"{replica.name} has ended: {code}")
        if not replica.expected:
            self.surprises.append(f"{replica.name} ended by itself with {code}")
        replica.process, replica.expected, replica.killed_at = None, False, None
        replica.start_at = now + _PAUSE
