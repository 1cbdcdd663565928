"""A stand-in for Strimzi's Topic Operator, which no package registry has.

It does to real KafkaTopics and a real Kafka what version 1.2.0 was seen to do, as far as TopicSets depend on
it: creates, raises, configures and deletes topics, sets the finalizer, and writes the same conditions with
the same reasons and messages. It is no Topic Operator: it asks every tenth of a second instead of watching,
moves no replicas, and looks at a KafkaTopic again only when something in it changed.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self

from kubernetes.client import ApiClient, ApiException, Configuration, CustomObjectsApi
from support.strimzi_topics import Refused, TopicsOfKafkaTopics

Document = dict[str, Any]

GROUP, VERSION, PLURAL = "kafka.strimzi.io", "v1", "kafkatopics"
FINALIZER = "strimzi.io/topic-operator"
_EVERY = 0.1  # seconds
# Deleted or changed by somebody else meanwhile, or the API server is not ready: the next turn sees it.
_NEXT_TURN = {404, 409, 429}


@dataclass
class TopicOperatorStandIn:
    """Serves the KafkaTopics of one namespace and one Kafka resource while the `with` block lasts.

    Without `use_finalizers` a deleted KafkaTopic is gone at once, and its topic follows.
    """

    configuration: Configuration
    namespace: str
    cluster: str
    bootstrap_servers: str
    use_finalizers: bool = True
    login: Mapping[str, str] = field(default_factory=dict)  # what a client needs besides the servers
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None
    _failure: Exception | None = None
    _done: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    _served: dict[str, Document] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Begin, or begin again after `stop`."""
        self._objects = CustomObjectsApi(ApiClient(self.configuration))
        self._kafka = TopicsOfKafkaTopics(self.bootstrap_servers, self.login)
        self._stop.clear()
        self._thread = threading.Thread(target=self._run, name="topic-operator-stand-in")
        self._thread.start()

    def stop(self) -> None:
        """End, as when its pod is gone; raise what it died of, if it did."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self._thread = None
        if self._failure is not None:
            raise self._failure

    @property
    def is_working(self) -> bool:
        """Tell whether it serves; why it died is raised at the end of the block."""
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._stop.wait(_EVERY):
                with _until_next_turn():
                    self._turn()
        except Exception as error:
            self._failure = error

    def _turn(self) -> None:
        listed = self._objects.list_namespaced_custom_object(
            GROUP, VERSION, self.namespace, PLURAL, label_selector=f"strimzi.io/cluster={self.cluster}"
        )["items"]
        listed.sort(key=lambda one: (one["metadata"]["creationTimestamp"], one["metadata"]["uid"]))
        if not self.use_finalizers:
            self._follow_deletions(listed)
        holders: dict[str, Document] = {}
        for one in listed:
            holder = holders.setdefault(_topic(one), one)
            with _until_next_turn():
                self._reconcile(one, holder)

    def _follow_deletions(self, listed: Iterable[Document]) -> None:
        now = {one["metadata"]["uid"]: one for one in listed}
        for uid in self._served.keys() - now.keys():
            gone = self._served.pop(uid)
            if _is_managed(gone):
                self._kafka.delete(_topic(gone))
        self._served |= now

    def _reconcile(self, one: Document, holder: Document) -> None:
        metadata = one["metadata"]
        ours = FINALIZER in (metadata.get("finalizers") or ())
        if metadata.get("deletionTimestamp"):
            if ours:
                if _is_managed(one):
                    self._kafka.delete(_topic(one))
                self._set_finalizers(one, [])
            return
        marks = (metadata["generation"], _is_managed(one), _is_paused(one), holder["metadata"]["uid"])
        if self._done.get(metadata["uid"]) == marks:
            return
        if holder is one and self.use_finalizers and not ours:
            one = self._set_finalizers(one, [FINALIZER])
        self._write_status(one, self._status(one, holder))
        self._done[metadata["uid"]] = marks

    def _status(self, one: Document, holder: Document) -> Document:
        name = _topic(one)
        if holder is not one and holder["metadata"]["uid"] != one["metadata"]["uid"]:
            at = holder["metadata"]
            text = f"Managed by Ref{{namespace='{at['namespace']}', name='{at['name']}'}}"
            return {"conditions": [_not_ready("ResourceConflict", text)], "topicName": name}
        if not _is_managed(one):
            return {"conditions": [_condition("Unmanaged", "True")]}
        if _is_paused(one):
            return {"conditions": [_condition("ReconciliationPaused", "True")], "topicName": name}
        try:
            self._kafka.bring_about(name, one["spec"])
            condition = _condition("Ready", "True")
        except Refused as refused:
            condition = _not_ready(refused.reason, str(refused))
        described = self._kafka.describe(name)
        identity = {"topicId": str(described.topic_id)} if described else {}
        return {"conditions": [condition], "topicName": name} | identity

    def _set_finalizers(self, one: Document, finalizers: list[str]) -> Document:
        metadata = one["metadata"]
        others = [name for name in metadata.get("finalizers") or () if name != FINALIZER]
        body = {
            "metadata": {"resourceVersion": metadata["resourceVersion"], "finalizers": others + finalizers}
        }
        patched: Document = self._objects.patch_namespaced_custom_object(
            GROUP,
            VERSION,
            self.namespace,
            PLURAL,
            metadata["name"],
            body,
            field_manager="strimzi-topic-operator",
            _content_type="application/merge-patch+json",
        )
        return patched

    def _write_status(self, one: Document, status: Document) -> None:
        status["observedGeneration"] = one["metadata"]["generation"]
        self._objects.replace_namespaced_custom_object_status(
            GROUP,
            VERSION,
            self.namespace,
            PLURAL,
            one["metadata"]["name"],
            one | {"status": status},
            field_manager="strimzi-topic-operator",
        )


@contextmanager
def _until_next_turn() -> Iterator[None]:
    try:
        yield
    except ApiException as error:
        if error.status not in _NEXT_TURN:
            raise


def _topic(one: Document) -> str:
    return str(one["spec"].get("topicName") or one["metadata"]["name"])


def _is_managed(one: Document) -> bool:
    return (one["metadata"].get("annotations") or {}).get("strimzi.io/managed") != "false"


def _is_paused(one: Document) -> bool:
    return (one["metadata"].get("annotations") or {}).get("strimzi.io/pause-reconciliation") == "true"


def _condition(kind: str, status: str) -> Document:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return {"lastTransitionTime": now, "status": status, "type": kind}


def _not_ready(reason: str, text: str) -> Document:
    return _condition("Ready", "False") | {"message": text, "reason": reason}
