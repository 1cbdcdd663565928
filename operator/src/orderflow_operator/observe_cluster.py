"""What the watches have told us about the cluster, kept by kind, and what a decision reads off it.

kopf feeds the view from its event loop, polling loops read it from threads; an answer to a write of ours
is put in at once, so that the next decision stands on it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from orderflow_operator.kube import Document, KubeApi, NotFound, path

Key = tuple[str, str]  # namespace, name


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of objects that is watched; without a version the one the API server prefers."""

    group: str
    version: str
    plural: str
    kind: str
    optional: bool = False

    def collection(self, api: KubeApi, namespace: str | None = None) -> str:
        """Return the path of the collection; raise NotFound when the API server does not know the kind."""
        version = self.version or api.preferred_version(self.group)
        return path(f"{self.group}/{version}", self.plural, namespace)


STREAM_WORKERS = Kind("orderflow.dev", "v1alpha1", "streamworkers", "StreamWorker")
TOPIC_SETS = Kind("orderflow.dev", "v1alpha1", "topicsets", "TopicSet")
DEPLOYMENTS = Kind("apps", "v1", "deployments", "Deployment")
HPAS = Kind("autoscaling", "v2", "horizontalpodautoscalers", "HorizontalPodAutoscaler")
SCALED_OBJECTS = Kind("keda.sh", "v1alpha1", "scaledobjects", "ScaledObject", optional=True)
KAFKA_TOPICS = Kind("kafka.strimzi.io", "", "kafkatopics", "KafkaTopic", optional=True)

KINDS = (STREAM_WORKERS, TOPIC_SETS, DEPLOYMENTS, HPAS, SCALED_OBJECTS, KAFKA_TOPICS)


@dataclass(slots=True)
class ClusterView:
    """The latest known state of every watched object, without what no decision reads."""

    _objects: dict[str, dict[Key, Document]] = field(default_factory=lambda: {k.plural: {} for k in KINDS})
    _told: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, kind: Kind, event: str | None, found: Document) -> bool:
        """Take in what a watch tells; return whether it is news for a decision."""
        with self._lock:
            self._told[kind.plural] = self._told.get(kind.plural, 0) + 1
        if event == "DELETED":
            self.remove(kind, key_of(found))
            return True
        return self.put(kind, found)

    def told(self, kind: Kind) -> int:
        """Return how often the watch of a kind has told something."""
        with self._lock:
            return self._told.get(kind.plural, 0)

    def put(self, kind: Kind, found: Document) -> bool:
        """Keep an object unless a newer state of it is known; return whether its spec is new."""
        slim = _slim(kind, found)
        key = key_of(slim)
        with self._lock:
            known = self._objects[kind.plural].get(key)
            if known and _version(slim) < _version(known) and _uid(slim) == _uid(known):
                return False
            self._objects[kind.plural][key] = slim
        return known is None or _generation(slim) != _generation(known)

    def remove(self, kind: Kind, key: Key) -> None:
        """Forget an object that is gone."""
        with self._lock:
            self._objects[kind.plural].pop(key, None)

    def replace(self, kind: Kind, found: Iterable[Document]) -> None:
        """Keep exactly these objects of a kind, where they are newer than what is known."""
        every = list(found)
        for one in every:
            self.put(kind, one)
        with self._lock:
            kept = {key_of(one) for one in every}
            objects = self._objects[kind.plural]
            self._objects[kind.plural] = {key: one for key, one in objects.items() if key in kept}

    def get(self, kind: Kind, key: Key) -> Document | None:
        """Return one object, or None."""
        with self._lock:
            return self._objects[kind.plural].get(key)

    def versions(self, kind: Kind) -> dict[Key, int]:
        """Return the resourceVersion of every object of a kind."""
        return {key: _version(one) for key, one in self.all(kind).items()}

    def all(self, kind: Kind) -> dict[Key, Document]:
        """Return all objects of a kind as they are now."""
        with self._lock:
            return dict(self._objects[kind.plural])


def look(api: KubeApi, kind: Kind, namespaces: tuple[str, ...]) -> list[Document]:
    """Return all objects of a kind from the API server; an optional kind that it lacks has none."""
    try:
        found = [api.list(kind.collection(api, namespace)) for namespace in namespaces or (None,)]
    except NotFound:
        if kind.optional:
            return []
        raise
    return [one for objects in found for one in objects]


def replicas_of(deployment: Document) -> int:
    """Return the replicas a Deployment asks for."""
    replicas = (deployment.get("spec") or {}).get("replicas")
    return 1 if replicas is None else int(replicas)


def ready_of(deployment: Document) -> int:
    """Return how many pods of a Deployment are ready."""
    return int((deployment.get("status") or {}).get("readyReplicas") or 0)


def is_rolling_out(deployment: Document) -> bool:
    """Tell whether pods of an older template are still there, or a change is not yet acted on.

    A Deployment that is only scaled has pods of the present template alone.
    """
    status = deployment.get("status") or {}
    if int(status.get("observedGeneration") or 0) < _generation(deployment):
        return True
    return int(status.get("replicas") or 0) > int(status.get("updatedReplicas") or 0)


@dataclass(frozen=True, slots=True)
class Rivals:
    """Who else scales a target, of all there are: made once a poll, asked by every worker.

    Autoscalers and StreamWorkers by namespace and target, in the order in which they count.
    """

    autoscalers: Mapping[Key, str]
    workers: Mapping[Key, tuple[str, str]]

    @classmethod
    def of(cls, view: ClusterView) -> Self:
        """Return the rivals as they are now."""
        autoscalers: dict[Key, str] = {}
        # An HPA made by KEDA belongs to a ScaledObject, which is the one to name.
        for kind in (SCALED_OBJECTS, HPAS):
            for (namespace, name), one in view.all(kind).items():
                if target := _scaled(one):
                    autoscalers.setdefault((namespace, target), f"{kind.kind} {name}")
        workers: dict[Key, tuple[str, str]] = {}
        for (namespace, name), one in view.all(STREAM_WORKERS).items():
            at = namespace, one["spec"]["scaleTargetRef"]["name"]
            workers[at] = min(workers.get(at, (_age(one), name)), (_age(one), name))
        return cls(autoscalers, workers)

    def conflict(self, worker: Document) -> str | None:
        """Return who else scales a worker's target, or None; of two workers the younger gives way."""
        namespace, name = key_of(worker)
        at = namespace, worker["spec"]["scaleTargetRef"]["name"]
        oldest = self.workers.get(at, ("", name))[1]
        return self.autoscalers.get(at) or (f"StreamWorker {oldest}" if oldest != name else None)


def unready_topics(view: ClusterView, namespace: str, cluster: str, topics: Iterable[str]) -> dict[str, str]:
    """Return the topics declared by a KafkaTopic of this cluster that is not Ready, each with its reason."""
    wanted = set(topics)
    found: dict[str, str] = {}
    for (where, name), topic in view.all(KAFKA_TOPICS).items():
        declared = (topic.get("spec") or {}).get("topicName") or name
        labels = topic["metadata"].get("labels") or {}
        if where == namespace and labels.get("strimzi.io/cluster") == cluster and declared in wanted:
            reason = _unready_because(topic)
            if reason:
                found[declared] = f"KafkaTopic {name} {reason}"
    return found


def key_of(found: Mapping[str, Document]) -> Key:
    """Return namespace and name of an object."""
    metadata = found["metadata"]
    return metadata.get("namespace") or "", metadata["name"]


def _unready_because(topic: Document) -> str:
    status = topic.get("status") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    if any(
        conditions.get(name, {}).get("status") == "True" for name in ("Unmanaged", "ReconciliationPaused")
    ):
        return ""
    if int(status.get("observedGeneration") or 0) < _generation(topic):
        return "is not yet seen by the Topic Operator"
    ready = conditions.get("Ready") or {}
    return (
        "" if ready.get("status") == "True" else f"is not Ready: {ready.get('message') or 'no reason given'}"
    )


def _scaled(autoscaler: Document) -> str | None:
    """Return the name of the Deployment that an autoscaler scales."""
    reference = (autoscaler.get("spec") or {}).get("scaleTargetRef") or {}
    return reference.get("name") if reference.get("kind", "Deployment") == "Deployment" else None


def _slim(kind: Kind, found: Document) -> Document:
    kept = ("name", "namespace", "uid", "generation", "resourceVersion", "creationTimestamp", "labels")
    known = ("deletionTimestamp", "annotations") if kind is TOPIC_SETS or kind is KAFKA_TOPICS else ()
    metadata = {name: found["metadata"][name] for name in kept + known if name in found["metadata"]}
    slim: Document = {
        # The items of a list come without.
        "apiVersion": found.get("apiVersion") or f"{kind.group}/{kind.version}",
        "kind": kind.kind,
        "metadata": metadata,
        "spec": dict(found.get("spec") or {}),
        "status": found.get("status") or {},
    }
    if kind is DEPLOYMENTS:
        slim["spec"] = {name: slim["spec"].get(name) for name in ("replicas", "selector")}
    if kind is STREAM_WORKERS:  # the largest part by far, and read afresh where it is needed
        slim["status"] = {}
    return slim


def _version(found: Document) -> int:
    version = found["metadata"].get("resourceVersion") or "0"
    return int(version) if version.isdecimal() else 0


def _generation(found: Document) -> int:
    return int(found["metadata"].get("generation") or 0)


def _uid(found: Document) -> str:
    return str(found["metadata"].get("uid"))


def _age(found: Document) -> str:
    return str(found["metadata"].get("creationTimestamp"))
