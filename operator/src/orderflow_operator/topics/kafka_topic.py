"""What a KafkaTopic tells of its topic: the Topic Operator's conditions, believed only if they are of now."""

from __future__ import annotations

from orderflow_operator.topics.broker import BrokerTopic, Seen
from orderflow_operator.topics.fields import Document
from orderflow_operator.topics.status import Reason, Standing, State


def where(kafka_topic: Document) -> str:
    """Return how people find a KafkaTopic: its kind, namespace and name."""
    metadata = kafka_topic["metadata"]
    return f"KafkaTopic {metadata['namespace']}/{metadata['name']}"


def declared_partitions(kafka_topic: Document | None) -> int | None:
    """Return the partitions a KafkaTopic asks for."""
    return ((kafka_topic or {}).get("spec") or {}).get("partitions")


def is_condition(kafka_topic: Document, kind: str) -> bool:
    """Tell whether a condition stands at True."""
    return (_condition(kafka_topic, kind) or {}).get("status") == "True"


def state_of(kafka_topic: Document, seen: Seen) -> Standing:
    """Return where a KafkaTopic stands; `seen` is the topic in Kafka."""
    if kafka_topic["metadata"].get("deletionTimestamp"):
        return Standing(State.PENDING, Reason.BEING_DELETED, f"{where(kafka_topic)} is being deleted")
    return _unobserved(kafka_topic) or _hands_off(kafka_topic) or _readiness(kafka_topic, seen)


def _unobserved(kafka_topic: Document) -> Standing | None:
    status = kafka_topic.get("status") or {}
    if not status.get("conditions"):
        text = f"the Topic Operator has not seen {where(kafka_topic)} yet; is it running?"
        return Standing(State.PENDING, Reason.CREATING, text)
    # A Topic Operator that is down leaves Ready standing: only the generation tells that it is of old.
    if status.get("observedGeneration") != kafka_topic["metadata"].get("generation"):
        text = f"the Topic Operator has not seen the latest change of {where(kafka_topic)} yet"
        return Standing(State.PENDING, Reason.NOT_OBSERVED, text)
    return None


def _hands_off(kafka_topic: Document) -> Standing | None:
    if is_condition(kafka_topic, "Unmanaged"):
        text = f"{where(kafka_topic)} has the annotation strimzi.io/managed: false; changes are not applied"
        return Standing(State.PAUSED, Reason.UNMANAGED, text)
    if is_condition(kafka_topic, "ReconciliationPaused"):
        text = f"{where(kafka_topic)} has the annotation strimzi.io/pause-reconciliation: true"
        return Standing(State.PAUSED, Reason.PAUSED, text)
    return None


def _readiness(kafka_topic: Document, seen: Seen) -> Standing:
    ready = _condition(kafka_topic, "Ready")
    if ready is None:
        text = f"the Topic Operator has not said whether {where(kafka_topic)} is ready"
        return Standing(State.PENDING, Reason.NOT_OBSERVED, text)
    if ready.get("status") != "True":
        reason, text = str(ready.get("reason") or Reason.KAFKA_ERROR), str(ready.get("message") or "")
        conflict = reason == Reason.RESOURCE_CONFLICT
        return Standing(State.CONFLICT if conflict else State.FAILED, reason, text)
    wanted = declared_partitions(kafka_topic) or 1
    if seen is None or (isinstance(seen, BrokerTopic) and seen.partitions < wanted):
        has = "no such topic" if seen is None else f"{seen.partitions} partitions"
        text = f"{where(kafka_topic)} is Ready with {wanted} partitions, but Kafka has {has} so far"
        return Standing(State.PENDING, Reason.NOT_IN_KAFKA, text)
    return Standing(State.READY, Reason.READY)


def _condition(kafka_topic: Document, kind: str) -> Document | None:
    conditions = (kafka_topic.get("status") or {}).get("conditions") or ()
    return next((one for one in conditions if one.get("type") == kind), None)
