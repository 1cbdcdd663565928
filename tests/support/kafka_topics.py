"""KafkaTopics and entries for tests that need no API server: keyword defaults, the rest is told."""

from __future__ import annotations

from typing import Any

from orderflow_operator.spec.topicset import TopicEntry, TopicSetSpec, parse_topic_set
from orderflow_operator.topics.fields import FIELD_MANAGER, leaves
from orderflow_operator.topics.manifests import Cluster, Owner, desired_manifest

Document = dict[str, Any]

API_VERSION = "kafka.strimzi.io/v1"
OWNER = Owner("shop", "topics", "uid-1")
CLUSTER = Cluster("kafka", "my")
READY = [{"type": "Ready", "status": "True"}]


def entry(name: str = "orders", partitions: int = 3, **fields: Any) -> TopicEntry:
    """Return an entry of a TopicSet."""
    return spec({"name": name, "partitions": partitions} | fields).topics[0]


def spec(*entries: Document, **fields: Any) -> TopicSetSpec:
    """Return the spec of a TopicSet on the Kafka resource kafka/my."""
    reference = {"name": CLUSTER.name, "namespace": CLUSTER.namespace}
    return parse_topic_set({"kafka": {"clusterRef": reference}, "topics": list(entries)} | fields)


def applied(one: TopicEntry, owner: Owner = OWNER, **changes: Any) -> Document:
    """Return the KafkaTopic of an entry as the API server has it after we applied it, and Ready."""
    manifest = desired_manifest(
        one,
        owner,
        CLUSTER,
        spec().deletion_policy,
        api_version=API_VERSION,
        name=one.name,
        partitions=one.partitions,
    )
    return live(manifest, **changes)


def live(manifest: Document, manager: str = FIELD_MANAGER, **changes: Any) -> Document:
    """Return a manifest as the API server has it, all of it set by one field manager."""
    metadata = {
        "uid": "kt-1",
        "resourceVersion": "1",
        "generation": 1,
        "creationTimestamp": "2026-11-22T00:00:00Z",
    }
    books = {"manager": manager, "operation": "Apply", "fieldsV1": books_of(manifest)}
    status = {"conditions": READY, "observedGeneration": 1}
    document = manifest | {"metadata": manifest["metadata"] | metadata | {"managedFields": [books]}}
    return _merged(document | {"status": status}, changes)


def by_hand(name: str = "orders", partitions: int = 3, **changes: Any) -> Document:
    """Return a KafkaTopic that a user applied."""
    manifest = {
        "apiVersion": API_VERSION,
        "kind": "KafkaTopic",
        "metadata": {
            "name": name,
            "namespace": CLUSTER.namespace,
            "labels": {"strimzi.io/cluster": CLUSTER.name},
        },
        "spec": {"partitions": partitions},
    }
    return live(manifest, "kubectl", **changes)


def edited(kafka_topic: Document, manager: str = "kubectl-edit", **fields: Any) -> Document:
    """Return a KafkaTopic after somebody changed fields of its spec; they are theirs from then on."""
    changed = _merged(kafka_topic, {"spec": fields})
    ours = set(leaves(kafka_topic)) - {("spec", *path) for path in _paths(fields)}
    books = [
        {"manager": FIELD_MANAGER, "operation": "Apply", "fieldsV1": _books(ours)},
        {"manager": manager, "operation": "Update", "fieldsV1": books_of({"spec": fields})},
    ]
    changed["metadata"] = changed["metadata"] | {"managedFields": books}
    return changed


def books_of(manifest: Document) -> Document:
    """Return the fieldsV1 of a manifest's labels, annotations and spec."""
    return _books(set(leaves({"metadata": {}} | manifest)))


def _books(paths: set[tuple[str, ...]]) -> Document:
    fields: Document = {}
    for path in paths:
        at = fields
        for step in path:
            at = at.setdefault(f"f:{step}", {})
    return fields


def _paths(fields: Document) -> list[tuple[str, ...]]:
    return [path[1:] for path in leaves({"metadata": {}, "spec": fields})]


def _merged(document: Document, changes: Document) -> Document:
    result = dict(document)
    for name, value in changes.items():
        before = result.get(name)
        result[name] = (
            _merged(before, value) if isinstance(value, dict) and isinstance(before, dict) else value
        )
    return result
