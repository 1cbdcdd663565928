"""What happens to a worker's Deployment while a test goes on: every count that was written, and when."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from support.e2e.system import SERVICES, System

from orderflow_operator.kube import ApiError, path

EVERY = 0.25  # seconds


@dataclass(frozen=True)
class Sample:
    """One look; `at` is in seconds since the recording began."""

    at: float
    replicas: int
    ready: int
    lag: int | None
    limits: frozenset[str]  # what kept the last decision from more or fewer replicas


@dataclass
class Recording:
    """Looks at a worker four times a second while the `with` block lasts."""

    system: System
    component: str
    samples: list[Sample] = field(default_factory=list)
    _begun: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        self._begun = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"recording-{self.component}")
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def now(self) -> float:
        """Seconds since it began."""
        return time.monotonic() - self._begun

    @property
    def counts(self) -> list[int]:
        """The replicas that were asked for, one after the other."""
        found: list[int] = []
        for sample in self.samples:
            if not found or found[-1] != sample.replicas:
                found.append(sample.replicas)
        return found

    def first(self, holds: Callable[[Sample], bool], since: float = 0.0) -> float:
        """Return when something held for the first time; fail when it never did."""
        for sample in self.samples:
            if sample.at >= since and holds(sample):
                return sample.at
        raise AssertionError(f"it never came to that after {since:.0f} s; replicas were {self.counts}")

    def _run(self) -> None:
        api = self.system.cluster.api()
        name = f"orderflow-{self.component}"
        deployment = path("apps/v1", "deployments", SERVICES, name)
        worker = path("orderflow.dev/v1alpha1", "streamworkers", SERVICES, name)
        while not self._stop.wait(EVERY):
            try:
                target, status = api.get(deployment), api.get(worker).get("status") or {}
            except ApiError:
                continue
            decision = status.get("lastDecision") or {}
            self.samples.append(
                Sample(
                    self.now,
                    target["spec"]["replicas"],
                    target["status"].get("readyReplicas", 0),
                    status.get("lag"),
                    frozenset(each["name"] for each in decision.get("limiters", ())),
                )
            )
