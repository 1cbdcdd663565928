"""KafkaTopics as documents: their names, whose they are, what an entry asks them to be."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import blake2b

from orderflow_operator.spec.topicset import DeletionPolicy, TopicEntry
from orderflow_operator.topics.fields import FIELD_MANAGER, Document, fields_of

CLUSTER_LABEL = "strimzi.io/cluster"
MANAGED_ANNOTATION = "strimzi.io/managed"
OWNER_LABEL = "orderflow.dev/topicset"
OWNER_ANNOTATION = "orderflow.dev/topicset"
UID_ANNOTATION = "orderflow.dev/topicset-uid"
POLICY_ANNOTATION = "orderflow.dev/deletion-policy"

_LABEL_LENGTH = 63
_NAME_LENGTH = 253
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


def owner_of(kafka_topic: Document) -> Owner | None:
    """Return the TopicSet a KafkaTopic was made for; None where we did not make it.

    What counts is that we set the mark ourselves: a copy of a KafkaTopic carries the mark, and is not ours.
    """
    mark, uid = ("metadata", "annotations", UID_ANNOTATION), annotation(kafka_topic, UID_ANNOTATION)
    namespace, _, name = (annotation(kafka_topic, OWNER_ANNOTATION) or "").partition("/")
    if not uid or not name or mark not in fields_of(kafka_topic, FIELD_MANAGER):
        return None
    return Owner(namespace, name, uid)


def is_owned(kafka_topic: Document, owner: Owner) -> bool:
    """Tell whether a KafkaTopic was made for this very TopicSet, not for one of the same name before it."""
    return owner_of(kafka_topic) == owner


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


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=4).hexdigest()
