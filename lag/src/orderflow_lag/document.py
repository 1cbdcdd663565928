"""Lag as a document for programs: what `orderflow lag --json` prints and GET /metrics/lag answers. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import GroupState, TopicPartition, Unreadable
from orderflow_lag.truth import LagReason, PartitionLag


@dataclass(frozen=True, slots=True)
class MemberDocument:
    """One consumer of a group, and the partitions it owns: topic and number of each."""

    client_id: str
    member_id: str
    host: str
    assignment: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class GroupDocument:
    """One consumer group and its members. `lag` is null while any part of it is unknown."""

    group: str
    state: GroupState
    lag: int | None
    problems: Sequence[str]
    topics: Sequence[str]
    members: Sequence[MemberDocument]


@dataclass(frozen=True, slots=True)
class PartitionDocument:
    """One partition of a group: `lag` records lie between `committed` and `end`, the last stable offset.

    `seconds` is the age of the oldest unread record; `incomplete`: it is at least that old. What is
    unknown is null.
    """

    topic: str
    partition: int
    committed: int | None
    start: int | None
    end: int | None
    lag: int | None
    seconds: float | None
    incomplete: bool
    owner: str
    reason: LagReason


@dataclass(frozen=True, slots=True)
class LagDocument(GroupDocument):
    """One consumer group with its lag, as a whole and by partition; `seconds` is that of the oldest."""

    seconds: float | None
    incomplete: bool
    partitions: Sequence[PartitionDocument]


def lag_document(report: GroupReport) -> LagDocument:
    """Return one group's lag: `lag` and `seconds` are null while anything is unknown."""
    group, oldest = group_document(report), report.seconds_of()
    unknown = group.lag is None
    return LagDocument(
        group=group.group,
        state=group.state,
        lag=group.lag,
        problems=group.problems,
        topics=group.topics,
        members=group.members,
        seconds=None if unknown else round(oldest.seconds, 3),
        incomplete=unknown or oldest.incomplete,
        partitions=[_partition(report, lag) for lag in report.lag.partitions],
    )


def group_document(report: GroupReport) -> GroupDocument:
    """Return one group and its members."""
    observed = report.observed
    members = () if isinstance(observed, Unreadable) else observed.members
    return GroupDocument(
        group=report.lag.group,
        state=report.state,
        lag=report.lag.total,
        problems=[str(problem) for problem in report.lag.problems],
        topics=report.topics,
        members=[
            MemberDocument(member.client_id, member.member_id, member.host, _owned(member.assignment))
            for member in members
        ],
    )


def _owned(assignment: frozenset[TopicPartition]) -> list[tuple[str, int]]:
    return [(owned.topic, owned.partition) for owned in sorted(assignment)]


def _partition(report: GroupReport, lag: PartitionLag) -> PartitionDocument:
    seconds = report.seconds.get(lag.partition)
    return PartitionDocument(
        topic=lag.partition.topic,
        partition=lag.partition.partition,
        committed=lag.committed,
        start=lag.log.start if lag.log else None,
        end=lag.log.end if lag.log else None,
        lag=lag.records,
        seconds=round(seconds.seconds, 3) if seconds else None,
        incomplete=seconds is None or seconds.incomplete,
        owner=report.owner(lag.partition),
        reason=lag.reason,
    )
