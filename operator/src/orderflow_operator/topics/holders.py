"""Who else has a topic: Kafka from before, another TopicSet, someone who applied a KafkaTopic by hand."""

from __future__ import annotations

from orderflow_lag.observation import Unreadable
from orderflow_operator.spec.topicset import TopicEntry
from orderflow_operator.topics.broker import BrokerTopic, Seen, partitions_of
from orderflow_operator.topics.fields import Document
from orderflow_operator.topics.kafka_topic import declared_partitions, state_of, where
from orderflow_operator.topics.manifests import Owner, owner_of
from orderflow_operator.topics.status import Reason, Standing, State


def in_kafka(entry: TopicEntry, seen: Seen, owned: bool) -> Standing | None:
    """Return why a topic that nothing declares yet may not be made or taken; None when it may."""
    if isinstance(seen, Unreadable):
        text = f"whether the topic exists is unknown, so nothing is done: {seen.reason}"
        return Standing(State.UNKNOWN, Reason.KAFKA_UNREADABLE, text)
    if isinstance(seen, BrokerTopic) and not owned and not entry.adopt:
        text = (
            f"Kafka has a topic {entry.name} with {seen.partitions} partitions that this TopicSet did not "
            "make; set adopt: true to take it over"
        )
        return Standing(State.REFUSED, Reason.TOPIC_EXISTS, text)
    return None


def of_kafka_topic(entry: TopicEntry, owner: Owner, kafka_topic: Document, seen: Seen) -> Standing | None:
    """Return why a KafkaTopic that is there may not be applied; None when it may."""
    if kafka_topic["metadata"].get("deletionTimestamp"):
        return state_of(kafka_topic, seen)
    holder = owner_of(kafka_topic)
    if holder == owner:
        return None
    if holder:
        return _of_topic_set(owner, holder, kafka_topic)
    return None if entry.adopt else _by_hand(entry, kafka_topic, seen)


def _of_topic_set(owner: Owner, holder: Owner, kafka_topic: Document) -> Standing:
    if str(holder) == str(owner):
        text = f"{where(kafka_topic)} is of a former TopicSet of this name and is being released"
        return Standing(State.PENDING, Reason.OTHER_TOPIC_SET, text)
    text = f"{where(kafka_topic)} belongs to TopicSet {holder}; remove the topic from one of the two"
    return Standing(State.CONFLICT, Reason.OTHER_TOPIC_SET, text)


def _by_hand(entry: TopicEntry, kafka_topic: Document, seen: Seen) -> Standing:
    """Return the state of a topic whose KafkaTopic somebody applied: it counts, and stays as it is."""
    there = declared_partitions(kafka_topic) or partitions_of(seen)
    if there is not None and there < entry.partitions:
        text = (
            f"{where(kafka_topic)} was applied by someone else and has {there} partitions of "
            f"{entry.partitions}; raise them there, or set adopt: true"
        )
        return Standing(State.REFUSED, Reason.APPLIED_BY_HAND, text)
    found = state_of(kafka_topic, seen)
    if found.state is not State.READY:
        return found
    text = f"{where(kafka_topic)} was applied by someone else and is left as it is"
    return Standing(State.READY, Reason.APPLIED_BY_HAND, text)
