"""How a KafkaTopic leaves our hands, step by step, without its topic being lost against the policy."""

from __future__ import annotations

from dataclasses import dataclass

from orderflow_operator.spec.topicset import DeletionPolicy
from orderflow_operator.topics.broker import Seen, partitions_of
from orderflow_operator.topics.fields import Document, with_annotation
from orderflow_operator.topics.kafka_topic import is_condition, where
from orderflow_operator.topics.manifests import MANAGED_ANNOTATION, annotation, topic_name
from orderflow_operator.topics.status import Reason, State, TopicStatus


@dataclass(frozen=True, slots=True)
class Release:
    """The next step out of our hands for one KafkaTopic: apply, or delete, or wait (neither)."""

    kafka_topic: Document
    policy: DeletionPolicy
    manifest: Document | None = None
    delete: bool = False


def release(kafka_topic: Document, policy: DeletionPolicy) -> Release:
    """Return the next step of a release.

    Under Retain the KafkaTopic is first set unmanaged, and deleted once the Topic Operator has said that
    it is: before that, deleting it would delete the topic.
    """
    leaving = bool(kafka_topic["metadata"].get("deletionTimestamp"))
    if policy is DeletionPolicy.DELETE:
        return Release(kafka_topic, policy, delete=not leaving)
    if annotation(kafka_topic, MANAGED_ANNOTATION) != "false":
        return Release(
            kafka_topic, policy, manifest=with_annotation(kafka_topic, MANAGED_ANNOTATION, "false")
        )
    return Release(kafka_topic, policy, delete=is_condition(kafka_topic, "Unmanaged") and not leaving)


def status_of_release(one: Release, seen: Seen) -> TopicStatus:
    """Return the status of a topic that is no longer declared, for as long as its KafkaTopic is there."""
    if one.policy is DeletionPolicy.DELETE:
        reason, text = Reason.DELETE, "no longer declared; the topic is being deleted"
    else:
        reason, text = Reason.RETAIN, "no longer declared; the topic stays in Kafka"
    waiting = not one.delete and one.manifest is None
    text += f", {where(one.kafka_topic)} waits for the Topic Operator" if waiting else ""
    return TopicStatus(
        name=topic_name(one.kafka_topic),
        state=State.RELEASING,
        reason=reason,
        message=text,
        partitions=partitions_of(seen),
        owned=True,
    )
