"""What the Admin client describes, as an observation has it."""

from typing import Any

from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import ConsumerGroupDescription

from orderflow_lag.committed import Committed
from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    LogRange,
    Member,
    TopicPartition,
    Unreadable,
)

_STATES = {
    ConsumerGroupState.STABLE: GroupState.STABLE,
    ConsumerGroupState.EMPTY: GroupState.EMPTY,
    ConsumerGroupState.PREPARING_REBALANCING: GroupState.REBALANCING,
    ConsumerGroupState.COMPLETING_REBALANCING: GroupState.REBALANCING,
    ConsumerGroupState.DEAD: GroupState.DEAD,
}


def group_observation(group: str, committed: Any, described: Any) -> GroupObservation | Unreadable:
    if isinstance(committed, Unreadable):
        return committed
    found = {
        TopicPartition(wire.topic, wire.partition): Committed.read(wire.offset, wire.metadata)
        for wire in committed.topic_partitions or ()
        if wire.offset >= 0 and wire.error is None
    }
    offsets = {partition: at.offset for partition, at in found.items()}
    finished = {partition: at.ahead for partition, at in found.items() if at.finished}
    state = _STATES.get(described.state, GroupState.UNKNOWN)
    return GroupObservation(group, state, _members(described), offsets, finished)


def _members(described: ConsumerGroupDescription) -> tuple[Member, ...]:
    return tuple(
        Member(
            member.member_id,
            member.client_id,
            member.host.removeprefix("/"),
            frozenset(
                TopicPartition(wire.topic, wire.partition) for wire in member.assignment.topic_partitions
            ),
        )
        for member in described.members
    )


def log_range(start: Any, end: Any, mark: Any) -> LogRange | Unreadable:
    for answer in (start, end, mark):
        if isinstance(answer, Unreadable):
            return answer
    return LogRange(start.offset, end.offset, mark.offset)
