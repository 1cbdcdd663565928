"""The workers as the operator keeps them between polls: spec, memory, what was written last.

Memory is read from the status when this replica begins to write, and never trusted from before that.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec
import structlog

from orderflow_operator import metrics
from orderflow_operator.kube import KubeApi, NotFound
from orderflow_operator.observe_cluster import STREAM_WORKERS, ClusterView, Key, key_of, look
from orderflow_operator.report import Document, is_due
from orderflow_operator.scaling import Decision, Inputs, Memory, Sample
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.streamworker import StreamWorkerSpec, parse_stream_worker

_WORTH_A_LIST = 10  # from so many on, one list is less work than a request for each

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Worker:
    """One StreamWorker between two polls; times in seconds since the epoch.

    `written` is the status as it was last written, at `written_at`; `wanted_since` is when a poll first asked
    for more replicas than there are. `patience` stretches the time between two writes of what only drifts: it
    differs from worker to worker, for those that were written in one poll would else all be due in one again.
    """

    found: Document
    spec: StreamWorkerSpec
    memory: Memory
    written: Document
    written_at: float
    sample: Sample | None = None
    inputs: Inputs | None = None
    decision: Decision | None = None
    wanted_since: float | None = None
    last_down_at: float | None = None
    patience: float = field(default_factory=lambda: random.uniform(1, 2))

    @property
    def key(self) -> Key:
        """Namespace and name."""
        return key_of(self.found)

    @property
    def target(self) -> Key:
        """Namespace and name of the Deployment that is scaled."""
        return self.key[0], self.spec.scale_target_ref.name

    def is_due(self, status: Document, now: float) -> bool:
        """Tell whether this status is to be written now, in place of the one written last."""
        return is_due(status, self.written, (now - self.written_at) / self.patience)

    @property
    def generation(self) -> int:
        """The generation of the spec."""
        return int(self.found["metadata"].get("generation") or 0)


@dataclass(slots=True)
class Workers:
    """All workers this replica looks after; safe to use from several threads."""

    api: KubeApi
    view: ClusterView
    _known: dict[Key, Worker] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def clear(self) -> None:
        """Forget everything: another replica may write from now on."""
        with self._lock:
            gone, self._known = list(self._known), {}
        for key in gone:
            metrics.forget(*key)

    def keep(self, keys: Iterable[Key]) -> None:
        """Forget the workers that are not among these."""
        kept = set(keys)
        with self._lock:
            gone = [key for key in self._known if key not in kept]
            for key in gone:
                del self._known[key]
        for key in gone:
            metrics.forget(*key)

    def meet(self, namespaces: tuple[str, ...], now: float) -> None:
        """Read all workers in a few requests where many are not known yet, as after a take-over."""
        with self._lock:
            unknown = self.view.all(STREAM_WORKERS).keys() - self._known.keys()
        if len(unknown) < _WORTH_A_LIST:
            return
        for found in look(self.api, STREAM_WORKERS, namespaces):
            if key_of(found) in unknown:
                with suppress(SpecError):  # told by whoever loads it
                    self._keep(found, now)

    def load(self, key: Key, now: float) -> Worker | None:
        """Return a worker as the view has it; raise SpecError, ApiError. None: it is gone."""
        found = self.view.get(STREAM_WORKERS, key)
        if found is None:
            return None
        with self._lock:
            known = self._known.get(key)
        if known is None or known.found["metadata"]["uid"] != found["metadata"]["uid"]:
            return self._read(key, now)
        if known.generation != found["metadata"].get("generation"):
            known.spec = parse_stream_worker(found["spec"])
        known.found = found
        return known

    def _read(self, key: Key, now: float) -> Worker | None:
        try:
            fresh = self.api.get(f"{STREAM_WORKERS.collection(self.api, key[0])}/{key[1]}")
        except NotFound:
            self.view.remove(STREAM_WORKERS, key)
            return None
        return self._keep(fresh, now)

    def _keep(self, fresh: Document, now: float) -> Worker:
        self.view.put(STREAM_WORKERS, fresh)
        key, status = key_of(fresh), fresh.get("status") or {}
        worker = Worker(fresh, parse_stream_worker(fresh["spec"]), _memory(key, status), status, now)
        with self._lock:
            self._known[key] = worker
        metrics.begin_at_zero(*key)
        return worker

    def decisions(self) -> Document:
        """Return the last decision of every worker, as /decisions gives it."""
        with self._lock:
            known = list(self._known.values())
        return {"decisions": [_shown(worker) for worker in known if worker.decision]}


def _memory(key: Key, status: Document) -> Memory:
    try:
        return msgspec.convert(status.get("memory") or {}, Memory)
    except msgspec.ValidationError as error:
        log.warning("the memory in the status cannot be read and starts anew", worker=key, error=str(error))
        return Memory()


def _shown(worker: Worker) -> Document:
    """Return a decision as the local system serves it too, and what only a cluster has."""
    sample, inputs = worker.sample, worker.inputs
    readable = inputs is not None and inputs.problem is None
    return {
        "name": worker.key[1],
        "namespace": worker.key[0],
        "target": worker.target[1],
        "group": worker.spec.consumer_group,
        "observedReplicas": sample.target.replicas if sample else None,
        "readyReplicas": sample.target.ready if sample else None,
        "lag": inputs.lag if inputs and readable else None,
        "lagSeconds": inputs.lag_seconds if inputs and readable else None,
        "arrivalPerSecond": inputs.arrival if inputs and readable else None,
        "decision": msgspec.to_builtins(worker.decision),
    }
