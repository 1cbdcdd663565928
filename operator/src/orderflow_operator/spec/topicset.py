"""TopicSet: topics declared together, by which means they are made, and what is left of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, field

from orderflow_operator.spec.fields import SpecError, SpecPart, parsed
from orderflow_operator.spec.kafka import KafkaSpec, check_kafka

TopicName = Annotated[str, Meta(min_length=1, max_length=249, pattern=r"^[a-zA-Z0-9._-]+$")]


class Backend(StrEnum):
    """What makes the topics: Strimzi's Topic Operator from KafkaTopics, or we through Kafka's Admin API."""

    STRIMZI = "Strimzi"
    ADMIN = "Admin"


class DeletionPolicy(StrEnum):
    """What becomes of a topic and its records once it is no longer declared."""

    RETAIN = "Retain"
    DELETE = "Delete"


class TopicEntry(SpecPart, frozen=True):
    """One topic of `spec.topics`.

    partitions         how many; may only grow
    replicas           copies of each partition; the cluster's default when absent, fixed once made
    config             Kafka's own names of topic settings to values
    keyed              consumers count on the order of records with one key
    allow_repartition  let a keyed topic grow, which sends keys to other partitions than before
    adopt              take over what is there already: the topic in Kafka, a KafkaTopic that somebody
                       applied, and settings in ours that somebody edited; without it they are left alone
    """

    name: TopicName
    partitions: Annotated[int, Meta(ge=1, le=10_000)]
    replicas: Annotated[int, Meta(ge=1, le=100)] | None = None
    config: dict[str, str | bool | int | float] = field(default_factory=dict)
    keyed: bool = True
    allow_repartition: bool = False
    adopt: bool = False

    @property
    def settings(self) -> dict[str, str]:
        """The config as Kafka gives it back: text."""
        return {name: _as_text(value) for name, value in sorted(self.config.items())}


class TopicSetSpec(SpecPart, frozen=True):
    """The whole spec; each topic is named once."""

    kafka: KafkaSpec
    topics: Annotated[tuple[TopicEntry, ...], Meta(max_length=256)]
    backend: Backend = Backend.STRIMZI
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN


def parse_topic_set(spec: Mapping[str, Any]) -> TopicSetSpec:
    """Return the `spec` of a TopicSet; raise SpecError with the path of the first bad field."""
    topic_set = parsed(TopicSetSpec, spec)
    check_kafka(topic_set.kafka)
    if topic_set.backend is Backend.STRIMZI and topic_set.kafka.cluster_ref is None:
        raise SpecError(
            "spec.kafka.clusterRef", "is required with backend Strimzi; bootstrapServers go with Admin"
        )
    _check_names(topic_set.topics)
    return topic_set


def _check_names(topics: tuple[TopicEntry, ...]) -> None:
    seen: set[str] = set()
    for number, entry in enumerate(topics):
        if entry.name in (".", ".."):
            raise SpecError(f"spec.topics[{number}].name", f"Kafka has no topic {entry.name}")
        if entry.name in seen:
            raise SpecError(f"spec.topics[{number}].name", f"{entry.name} is named twice")
        seen.add(entry.name)


def _as_text(value: str | bool | int | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
