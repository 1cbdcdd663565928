"""What a StreamWorker with a spec that cannot be used says of itself.

The CRD refuses such a spec; one that was applied under an older or looser CRD may be there all the same.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from orderflow_operator.apply import NotHolder, Writer
from orderflow_operator.conditions import merged
from orderflow_operator.events import EventRecorder
from orderflow_operator.kube import ApiError, Document
from orderflow_operator.observe_cluster import STREAM_WORKERS, ClusterView, Key
from orderflow_operator.scaling import Finding
from orderflow_operator.scaling.words import rfc3339
from orderflow_operator.spec.fields import SpecError

_REASON = "SpecInvalid"

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Refusals:
    """Tells the owner of a StreamWorker, once a generation, by its status and an Event."""

    view: ClusterView
    writer: Writer
    events: EventRecorder
    clock: Callable[[], float] = time.time
    _told: dict[Key, int] = field(default_factory=dict)

    def __call__(self, key: Key, error: SpecError) -> None:
        """Tell it; where the API server does not take it, the next call tries again."""
        found = self.view.get(STREAM_WORKERS, key)
        if found is None or self._told.get(key) == found["metadata"].get("generation"):
            return
        try:
            self._tell(key, str(error))
        except NotHolder:
            pass  # another replica tells it
        except ApiError as failure:
            log.warning("a refusal cannot be written", worker=key, reason=str(failure))

    def _tell(self, key: Key, why: str) -> None:
        fresh = self.writer.api.get(f"{STREAM_WORKERS.collection(self.writer.api, key[0])}/{key[1]}")
        generation = int(fresh["metadata"].get("generation") or 0)
        self.writer.status(fresh, self._refused(fresh.get("status") or {}, generation, why))
        self.events.record(fresh, "Warning", _REASON, why)
        self._told[key] = generation

    def _refused(self, status: Document, generation: int, why: str) -> Document:
        """Return a status that keeps what was learned, and says that nothing is decided any more."""
        finding = Finding(type="ScalingActive", status="False", reason=_REASON, message=why)
        conditions = merged(status.get("conditions") or (), (finding,), generation, rfc3339(self.clock()))
        told = {"observedGeneration": generation, "reason": _REASON, "message": why}
        return status | told | {"conditions": conditions}
