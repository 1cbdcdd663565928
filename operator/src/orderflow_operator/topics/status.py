"""What a TopicSet's status says: each topic's state, reason and sentence; and one condition for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import Any

from msgspec import Struct, ValidationError, convert

from orderflow_operator.scaling.types import Finding


class State(StrEnum):
    """Where a topic stands."""

    READY = "Ready"  # in Kafka as declared, or larger
    PENDING = "Pending"  # declared; Kafka or the Topic Operator has not followed yet
    REFUSED = "Refused"  # we do not do what is asked; nothing was changed
    CONFLICT = "Conflict"  # somebody else declares the same topic
    FAILED = "Failed"  # Kafka or the Topic Operator answered with an error
    PAUSED = "Paused"  # the KafkaTopic says that nobody is to touch it, or that it is not managed
    UNKNOWN = "Unknown"  # the brokers could not be asked
    RELEASING = "Releasing"  # no longer declared; on its way out of our hands


class Reason(StrEnum):
    """Why, in one word; further ones are the Topic Operator's own, repeated as they are."""

    READY = "Ready"
    MORE_PARTITIONS = "MorePartitions"
    KEPT_EDITS = "KeptEdits"
    APPLIED_BY_HAND = "AppliedByHand"
    CREATING = "Creating"
    NOT_OBSERVED = "NotObserved"
    NOT_IN_KAFKA = "NotInKafka"
    BEING_DELETED = "BeingDeleted"
    TOPIC_EXISTS = "TopicExists"
    DECREASE_REFUSED = "DecreaseRefused"
    REPARTITION_REFUSED = "RepartitionRefused"
    REPLICAS_REFUSED = "ReplicasRefused"
    OTHER_TOPIC_SET = "OtherTopicSet"
    RESOURCE_CONFLICT = "ResourceConflict"
    UNMANAGED = "Unmanaged"
    PAUSED = "ReconciliationPaused"
    KAFKA_UNREADABLE = "KafkaUnreadable"
    KAFKA_ERROR = "KafkaError"
    API_ERROR = "ApiError"
    RETAIN = "Retain"
    DELETE = "Delete"
    NO_TOPICS = "NoTopics"
    SPEC_INVALID = "SpecInvalid"


class Standing(Struct, frozen=True):
    """A state with its reason and a sentence for people."""

    state: State
    reason: str
    message: str = ""


class TopicStatus(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One topic of `status.topics`.

    `partitions` is what Kafka has and `desired_partitions` what the spec asks for. `owned`: this TopicSet
    created or adopted the topic. `config_keys` are the settings that the Admin backend set, so that one
    taken out of the spec goes back to its default.
    """

    name: str
    state: State
    reason: str
    message: str = ""
    partitions: int | None = None
    desired_partitions: int | None = None
    owned: bool = False
    config_keys: tuple[str, ...] = ()


def invalid_condition(problem: str) -> Finding:
    """Return the condition of a TopicSet whose spec is not understood."""
    return _ready("False", Reason.SPEC_INVALID, problem)


def recorded(document: Mapping[str, Any]) -> dict[str, TopicStatus]:
    """Return what the status of a TopicSet says of its topics; what cannot be read counts as not said."""
    found = (document.get("status") or {}).get("topics") or ()
    try:
        statuses = convert(found, list[TopicStatus])
    except ValidationError:
        return {}
    return {status.name: status for status in statuses}


def ready_condition(topics: Sequence[TopicStatus]) -> Finding:
    """Return the condition that sums up the topics: the first that is not ready gives its reason."""
    if not topics:
        return _ready("True", Reason.NO_TOPICS, "no topics are declared")
    late = [topic for topic in topics if topic.state is not State.READY]
    if not late:
        return _ready("True", Reason.READY, f"{_count(len(topics))} ready")
    unknown = all(topic.state is State.UNKNOWN for topic in late)
    shown = "; ".join(f"{topic.name}: {topic.message or topic.reason}" for topic in late[:3])
    more = f"; and {len(late) - 3} more" if len(late) > 3 else ""
    ready = len(topics) - len(late)
    message = f"{ready} of {_count(len(topics))} ready; {shown}{more}"
    return _ready("Unknown" if unknown else "False", late[0].reason, message)


def blocked(statuses: Iterable[TopicStatus], topics: Iterable[str]) -> str | None:
    """Tell which of these topics a first worker has to wait for, in a sentence; None for none of them.

    A topic that is in Kafka blocks nobody, whatever else is wrong with it.
    """
    absent = (State.PENDING, State.FAILED, State.CONFLICT)
    by_name = {status.name: status for status in statuses}
    for topic in topics:
        status = by_name.get(topic)
        if status and status.state in absent and status.partitions is None:
            return f"topic {topic} is not there yet: {status.message or status.reason}"
    return None


def _ready(status: str, reason: str, message: str) -> Finding:
    return Finding(type="Ready", status=status, reason=str(reason), message=message)


def _count(topics: int) -> str:
    return "1 topic" if topics == 1 else f"{topics} topics"
