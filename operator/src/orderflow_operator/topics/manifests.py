"""KafkaTopics as documents: their names, their owner, the fields that are ours."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from orderflow_operator.spec.topicset import DeletionPolicy, TopicEntry

Document = dict[str, Any]
FieldPath = tuple[str, ...]

FIELD_MANAGER = "orderflow-operator"  # as kube.FIELD_MANAGER, which a pure module cannot import
CLUSTER_LABEL = "strimzi.io/cluster"
MANAGED_ANNOTATION = "strimzi.io/managed"
OWNER_LABEL = "orderflow.dev/topicset"
OWNER_ANNOTATION = "orderflow.dev/topicset"
UID_ANNOTATION = "orderflow.dev/topicset-uid"
POLICY_ANNOTATION = "orderflow.dev/deletion-policy"

_LABEL_LENGTH = 63
_NAME_LENGTH = 253
_METADATA = {("metadata", "labels"), ("metadata", "annotations")}
_NAME_PART = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_NAME = re.compile(rf"{_NAME_PART}(\.{_NAME_PART})*")


@dataclass(frozen=True, slots=True)
class Owner:
    """The TopicSet a KafkaTopic is made for."""

    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @property
    def label(self) -> str:
        """`<namespace>.<name>`, shortened and told apart by a digest where a label could not hold it."""
        text = f"{self.namespace}.{self.name}"
        if len(text) <= _LABEL_LENGTH:
            return text
        digest = _digest(text)
        return f"{text[: _LABEL_LENGTH - len(digest) - 1].rstrip('.-')}-{digest}"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Kafka resource of Strimzi whose Topic Operator serves the KafkaTopics."""

    namespace: str
    name: str


def resource_name(topic: str, cluster: Cluster, taken: Collection[str] = ()) -> str:
    """Return the name of a topic's KafkaTopic: the topic's own where Kubernetes can hold it and it is free.

    `taken` are the names of KafkaTopics there that are for other topics.
    """
    if len(topic) <= _NAME_LENGTH and _NAME.fullmatch(topic) and topic not in taken:
        return topic
    slug = re.sub(r"[^a-z0-9]+", "-", topic.lower()).strip("-")[:200].rstrip("-") or "topic"
    return f"{slug}-{_digest(f'{cluster.name}/{topic}')}"


def topic_name(kafka_topic: Document) -> str:
    """Return the name in Kafka of a KafkaTopic's topic."""
    named = (kafka_topic.get("spec") or {}).get("topicName")
    return str(named or kafka_topic["metadata"]["name"])


def is_owned(kafka_topic: Document, owner: Owner) -> bool:
    """Tell whether a KafkaTopic was made for this very TopicSet, not for one of the same name before it."""
    return annotation(kafka_topic, UID_ANNOTATION) == owner.uid


def label(kafka_topic: Document, name: str) -> str | None:
    """Return the value of a label."""
    found = (kafka_topic["metadata"].get("labels") or {}).get(name)
    return None if found is None else str(found)


def annotation(kafka_topic: Document, name: str) -> str | None:
    """Return the value of an annotation."""
    found = (kafka_topic["metadata"].get("annotations") or {}).get(name)
    return None if found is None else str(found)


def desired_manifest(
    entry: TopicEntry,
    owner: Owner,
    cluster: Cluster,
    policy: DeletionPolicy,
    *,
    api_version: str,
    name: str,
    partitions: int,
) -> Document:
    """Return the KafkaTopic of an entry, with every field that is ours to declare."""
    spec: Document = {"partitions": partitions}
    if entry.config:
        spec["config"] = entry.settings
    if entry.replicas is not None:
        spec["replicas"] = entry.replicas
    if name != entry.name:
        spec["topicName"] = entry.name
    return {
        "apiVersion": api_version,
        "kind": "KafkaTopic",
        "metadata": {
            "name": name,
            "namespace": cluster.namespace,
            "labels": {CLUSTER_LABEL: cluster.name, OWNER_LABEL: owner.label},
            "annotations": {
                OWNER_ANNOTATION: str(owner),
                UID_ANNOTATION: owner.uid,
                POLICY_ANNOTATION: policy,
            },
        },
        "spec": spec,
    }


def released_manifest(kafka_topic: Document) -> Document:
    """Return what is ours of a KafkaTopic as it is, and the annotation that frees its topic of Strimzi."""
    manifest = {
        "apiVersion": kafka_topic["apiVersion"],
        "kind": "KafkaTopic",
        "metadata": {name: kafka_topic["metadata"][name] for name in ("name", "namespace")},
    }
    for path in (*fields_of(kafka_topic, FIELD_MANAGER), ("metadata", "annotations", MANAGED_ANNOTATION)):
        _put(manifest, path, value_at(kafka_topic, path))
    _put(manifest, ("metadata", "annotations", MANAGED_ANNOTATION), "false")
    return manifest


def yielding(manifest: Document, kafka_topic: Document) -> tuple[Document, tuple[str, ...]]:
    """Leave out of a manifest what somebody else has set in the KafkaTopic; also return the names of it.

    Partitions that are as they should be are left to whoever set them, without a word: then a further
    `kubectl apply` of theirs meets no conflict.
    """
    ours, others = fields_of(kafka_topic, FIELD_MANAGER), fields_of(kafka_topic, None)
    kept: list[str] = []
    result: Document = {name: manifest[name] for name in ("apiVersion", "kind")}
    result["metadata"] = {name: manifest["metadata"][name] for name in ("name", "namespace")}
    for path in leaves(manifest):
        wanted, live = value_at(manifest, path), value_at(kafka_topic, path)
        theirs = path[0] == "spec" and path in others and path not in ours
        differs = str(wanted) != str(live)
        if theirs and path == ("spec", "partitions") and not differs:
            continue
        if theirs and differs and path != ("spec", "partitions"):
            kept.append(path[-1])
            continue
        _put(result, path, wanted)
    return result, tuple(kept)


def is_applied(manifest: Document, kafka_topic: Document) -> bool:
    """Tell whether applying this manifest would change nothing: same values, same fields of ours."""
    paths = set(leaves(manifest))
    same = all(value_at(manifest, path) == value_at(kafka_topic, path) for path in paths)
    return same and fields_of(kafka_topic, FIELD_MANAGER) == paths


def fields_of(kafka_topic: Document, manager: str | None) -> set[FieldPath]:
    """Return the leaves of metadata and spec that this field manager set; None: all others than ours."""
    found: set[FieldPath] = set()
    for entry in kafka_topic["metadata"].get("managedFields") or ():
        if entry.get("subresource"):
            continue
        ours = entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply"
        if ours == (manager is not None):
            found |= set(_set_fields(entry.get("fieldsV1") or {}, ()))
    return {path for path in found if path[0] == "spec" or path[:2] in _METADATA}


def leaves(document: Document) -> Iterator[FieldPath]:
    """Yield the paths of the values we declare: labels, annotations and the spec."""
    metadata = {part: document["metadata"].get(part) or {} for part in ("labels", "annotations")}
    yield from _leaves({"metadata": metadata, "spec": document.get("spec") or {}}, ())


def value_at(document: Document, path: FieldPath) -> Any:
    """Return the value at a path, or None."""
    found: Any = document
    for step in path:
        found = found.get(step) if isinstance(found, dict) else None
    return found


def _leaves(value: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield from _leaves(inner, (*path, name))
        else:
            yield (*path, name)


def _set_fields(fields: Mapping[str, Any], path: FieldPath) -> Iterator[FieldPath]:
    named = {key.removeprefix("f:"): inner for key, inner in fields.items() if key.startswith("f:")}
    if not named and path:
        yield path
    for name, inner in named.items():
        yield from _set_fields(inner, (*path, name))


def _put(document: Document, path: FieldPath, value: Any) -> None:
    for step in path[:-1]:
        document = document.setdefault(step, {})
    document[path[-1]] = value


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=4).hexdigest()
