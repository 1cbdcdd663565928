"""Kubernetes Events: one a change, written by us; the same again is counted on the one that is there."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Literal

import structlog

from orderflow_operator.kube import ApiError, Conflict, Document, KubeApi, path

EventType = Literal["Normal", "Warning"]

_LONGEST_NAME = 200
_LONGEST_TEXT = 1000
_REMEMBERED = 5000  # events whose count is known without asking

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class EventRecorder:
    """Writes Events; one that cannot be written is logged, never raised."""

    api: KubeApi
    instance: str
    _counts: OrderedDict[str, int] = field(default_factory=OrderedDict)

    def record(self, about: Document, kind: EventType, reason: str, message: str) -> None:
        """Write an Event about an object, or count on the one that says the same."""
        event = self._event(about, kind, reason, message[:_LONGEST_TEXT])
        try:
            self._write(event)
        except ApiError as error:
            log.warning("an Event cannot be written", reason=reason, error=str(error))

    def _write(self, event: Document) -> None:
        name, namespace = event["metadata"]["name"], event["metadata"]["namespace"]
        count = self._counts[name] = self._counts.get(name, 0) + 1
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        try:
            self.api.create(path("v1", "events", namespace), event)
        except Conflict:  # from an earlier run of ours, or this one
            change = {"count": max(2, count), "lastTimestamp": event["lastTimestamp"]}
            self.api.merge(path("v1", "events", namespace, name), change)

    def _event(self, about: Document, kind: EventType, reason: str, text: str) -> Document:
        metadata = about["metadata"]
        # A name that follows from what is said: a restart or another replica finds the same one.
        digest = blake2b(f"{metadata['uid']} {reason} {text}".encode(), digest_size=8).hexdigest()
        now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        return {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {
                "name": f"{metadata['name'][:_LONGEST_NAME]}.{digest}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": {
                "apiVersion": about["apiVersion"],
                "kind": about["kind"],
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": text,
            "source": {"component": "orderflow-operator", "host": self.instance},
            "reportingComponent": "orderflow.dev/operator",
            "reportingInstance": self.instance,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
