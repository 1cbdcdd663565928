"""The Lease `orderflow-operator`: of several replicas one writes, and it knows when it may no longer.

The holder counts from the moment it began its last renewal, others from the moment they saw the record
change: no clock of one machine is compared with that of another.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog

from orderflow_operator.kube import ApiError, Conflict, Document, KubeApi, NotFound, path

NAME = "orderflow-operator"

log = structlog.get_logger(__name__)


def boot_clock() -> float:
    """Return seconds that also pass while the machine is suspended."""
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Lease:
    """One replica's view of the Lease; times in seconds.

    `renew_seconds` after its last renewal the holder no longer counts itself as such, and others wait
    `duration_seconds`: the difference is how far two clocks may differ in speed.
    """

    api: KubeApi
    namespace: str
    instance: str
    duration_seconds: float = 15.0
    renew_seconds: float = 10.0
    retry_seconds: float = 2.0
    clock: Callable[[], float] = boot_clock
    on_change: Callable[[bool], None] = lambda held: None
    _identity: str = ""
    _valid_until: float = 0.0
    _seen: tuple[Any, float] = (None, 0.0)  # the record as last seen, and since when it is like that
    _was_held: bool = False
    _stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        # A process that was killed and starts again under its old name must wait like any other.
        self._identity = f"{self.instance}_{uuid4()}"

    @property
    def identity(self) -> str:
        """What stands in the Lease while it is ours."""
        return self._identity

    def held(self) -> bool:
        """Tell whether this replica may write now."""
        return self.clock() < self._valid_until

    def run(self) -> None:
        """Acquire and renew until `stop`; then give the Lease back."""
        while not self._stop.is_set():
            self.attempt()
            self._stop.wait(self.retry_seconds)
        self.release()

    def stop(self) -> None:
        """End `run`."""
        self._stop.set()

    def attempt(self) -> None:
        """Acquire or renew once; an API server that does not answer lets the Lease run out by itself."""
        began = self.clock()
        try:
            if self._written(began):
                self._valid_until = began + self.renew_seconds
        except Conflict:
            pass  # another replica was quicker
        except ApiError as error:
            log.warning("the Lease cannot be read or written", reason=str(error))
        self._tell()

    def release(self) -> None:
        """Give the Lease back, so that another replica need not wait."""
        if not self.held():
            return
        self._valid_until = 0.0
        self._tell()
        with contextlib.suppress(ApiError):
            lease = self.api.get(self._path)
            if lease["spec"].get("holderIdentity") == self._identity:
                lease["spec"] |= {"holderIdentity": "", "leaseDurationSeconds": 1}
                self.api.replace(self._path, lease)

    def _written(self, now: float) -> bool:
        try:
            lease = self.api.get(self._path)
        except NotFound:
            body = {
                "apiVersion": "coordination.k8s.io/v1",
                "kind": "Lease",
                "metadata": {"name": NAME, "namespace": self.namespace},
                "spec": self._spec({}),
            }
            self.api.create(path("coordination.k8s.io/v1", "leases", self.namespace), body)
            return True
        if not self._is_free(lease, now):
            return False
        lease["spec"] = self._spec(lease.get("spec") or {})
        self.api.replace(self._path, lease)
        return True

    def _is_free(self, lease: Document, now: float) -> bool:
        spec = lease.get("spec") or {}
        record = (spec.get("holderIdentity"), spec.get("renewTime"))
        if record != self._seen[0]:
            self._seen = (record, now)
        if record[0] in ("", None, self._identity):
            return True
        return now - self._seen[1] > float(spec.get("leaseDurationSeconds") or self.duration_seconds)

    def _spec(self, before: Document) -> Document:
        now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
        ours = before.get("holderIdentity") == self._identity
        changes = int(before.get("leaseTransitions") or 0)
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": max(1, round(self.duration_seconds)),
            "acquireTime": before["acquireTime"] if ours else now,
            "renewTime": now,
            "leaseTransitions": changes if ours or not before else changes + 1,
        }

    def _tell(self) -> None:
        held = self.held()
        if held != self._was_held:
            self._was_held = held
            log.info("this replica writes" if held else "this replica stands by", identity=self._identity)
            self.on_change(held)

    @property
    def _path(self) -> str:
        return path("coordination.k8s.io/v1", "leases", self.namespace, NAME)
