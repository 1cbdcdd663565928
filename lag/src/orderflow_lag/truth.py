"""Offsets to lag: how many retained records a group has yet to read, and why that many.

without a commit             earliest: from the log start    latest: from the baseline, else the end
commit inside the log        from the commit, whatever the reset
commit before the log start  from the log start: deleted records are nobody's lag
commit after the log's end   from the log start: the topic was recreated, all its records are new
not readable                 unknown, which is never counted as zero

Records that the group has finished past its committed offset are no lag (see `committed`).
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from orderflow_lag.observation import (
    GroupObservation,
    LogRange,
    Observation,
    Reset,
    Subscription,
    Tail,
    TopicPartition,
    Unreadable,
)


class LagReason(StrEnum):
    """Why a partition's lag is what it is, in words."""

    CAUGHT_UP = "caught up"
    BEHIND = "behind"
    ONLY_MARKERS = "only transaction markers left"
    EMPTY = "empty partition"
    NEVER_COMMITTED = "never committed"
    PARTITION_ADDED = "partition added"
    EXPIRED = "committed offset expired"
    TRUNCATED = "records deleted before they were read"
    RECREATED = "topic recreated"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class PartitionLag:
    """The lag of one group on one partition; `records` is None when it is unknown.

    `position` is the offset from which records count: the committed offset, or what stands for it.
    `finished` of those are finished already.
    """

    partition: TopicPartition
    reason: LagReason
    records: int | None
    committed: int | None = None
    position: int | None = None
    log: LogRange | None = None
    detail: str = ""
    finished: int = 0

    @property
    def tail(self) -> Tail | None:
        """Return the offsets yet to be read, or None when there are none or they are unknown."""
        if self.log is None or self.position is None or self.position >= self.log.end:
            return None
        return Tail(*self.partition, self.position, self.log.end)


@dataclass(frozen=True, slots=True)
class Problem:
    """A topic that could not be read; without a topic, the whole group."""

    topic: str | None
    reason: str

    def __str__(self) -> str:
        return f"topic {self.topic}: {self.reason}" if self.topic else self.reason


@dataclass(frozen=True, slots=True)
class GroupLag:
    """The lag of one group over the topics of its subscription."""

    group: str
    partitions: tuple[PartitionLag, ...]
    problems: tuple[Problem, ...] = ()

    @property
    def known(self) -> int:
        """Return the records behind on the partitions that could be read: a lower bound."""
        return sum(lag.records or 0 for lag in self.partitions)

    @property
    def unknown(self) -> tuple[TopicPartition, ...]:
        """Return the partitions whose lag is unknown."""
        return tuple(lag.partition for lag in self.partitions if lag.records is None)

    @property
    def total(self) -> int | None:
        """Return the records behind, or None while any part of the answer is unknown."""
        return None if self.problems or self.unknown else self.known

    def of_topic(self, topic: str) -> "GroupLag":
        """Return the share of one topic, with the problems that touch it."""
        ours = tuple(lag for lag in self.partitions if lag.partition.topic == topic)
        return GroupLag(self.group, ours, tuple(p for p in self.problems if p.topic in (topic, None)))


def group_lag(seen: Observation, subscription: Subscription) -> GroupLag:
    """Return the lag of a subscription's group, partition by partition."""
    group = seen.groups.get(subscription.group, Unreadable("the group was not read"))
    if isinstance(group, Unreadable):
        return GroupLag(subscription.group, (), (Problem(None, group.reason),))
    topics = subscription.topics or _existing(group.topics, seen)
    problems = tuple(_topic_problems(topics, seen))
    lags = tuple(_lag(p, group, seen, subscription) for p in _partitions(topics, seen))
    return GroupLag(subscription.group, lags, problems)


def small_tails(lags: Iterable[GroupLag], limit: int) -> frozenset[Tail]:
    """Return the unread tails of at most `limit` offsets: reading them tells markers from records."""
    tails = (partition.tail for lag in lags for partition in lag.partitions)
    return frozenset(tail for tail in tails if tail and tail.end - tail.position <= limit)


def partition_lag(
    partition: TopicPartition,
    log: LogRange | Unreadable,
    committed: int | None,
    subscription: Subscription,
    *,
    siblings_committed: bool = False,
    counted: Mapping[Tail, int] | None = None,
    finished: int = 0,
) -> PartitionLag:
    """Return one cell of the truth table; `siblings_committed`: the group has commits in this topic.

    `finished` counts what the group says of records past its committed offset.
    """
    if isinstance(log, Unreadable):
        return PartitionLag(partition, LagReason.UNKNOWN, None, committed, detail=log.reason)
    if committed is None:
        reason, position = _without_commit(partition, log, subscription, siblings_committed)
    else:
        reason, position = _with_commit(log, committed)
    if committed is None and log.start >= log.end:
        reason = LagReason.EMPTY
    # Past a log that was cut or made again they say nothing.
    ahead = min(finished, log.end - position) if reason is LagReason.BEHIND else 0
    records = max(0, log.end - position - ahead)
    lag = PartitionLag(partition, reason, records, committed, position, log, finished=ahead)
    return _without_markers(lag, (counted or {}).get(lag.tail) if lag.tail else None)


def _with_commit(log: LogRange, committed: int) -> tuple[LagReason, int]:
    if committed < log.start:
        return LagReason.TRUNCATED, log.start
    # A read_uncommitted group may stand between the last stable offset and the high watermark.
    if committed > max(log.end, log.high_watermark):
        return LagReason.RECREATED, log.start
    return (LagReason.BEHIND if committed < log.end else LagReason.CAUGHT_UP), committed


def _without_commit(
    partition: TopicPartition, log: LogRange, subscription: Subscription, siblings_committed: bool
) -> tuple[LagReason, int]:
    known = subscription.known.get(partition)
    if known is not None:
        reason = LagReason.EXPIRED
    elif siblings_committed:
        reason = LagReason.PARTITION_ADDED
    else:
        reason = LagReason.NEVER_COMMITTED
    if subscription.reset is Reset.EARLIEST:
        return reason, log.start
    return reason, _latest_position(partition, log, subscription, known)


def _latest_position(
    partition: TopicPartition, log: LogRange, subscription: Subscription, known: int | None
) -> int:
    baseline = known if known is not None else subscription.baseline.get(partition)
    if baseline is None:
        # A partition that the topic's baseline does not name came later: all its records are newer.
        newer = any(other.topic == partition.topic for other in subscription.baseline)
        return log.start if newer else log.end
    # A baseline past the end belongs to an earlier topic of that name.
    return log.start if baseline > log.high_watermark else min(max(baseline, log.start), log.end)


def _without_markers(lag: PartitionLag, records: int | None) -> PartitionLag:
    if records is None:
        return lag
    records = max(0, records - lag.finished)
    reason = lag.reason if records else LagReason.ONLY_MARKERS
    return replace(lag, reason=reason, records=records)


def _existing(topics: frozenset[str], seen: Observation) -> frozenset[str]:
    """A topic that only old commits name and that is gone retains nothing to read."""
    return frozenset(topic for topic in topics if topic in seen.partitions)


def _topic_problems(topics: frozenset[str], seen: Observation) -> Iterable[Problem]:
    for topic in sorted(topics):
        found = seen.partitions.get(topic, Unreadable("it was not read"))
        if isinstance(found, Unreadable):
            yield Problem(topic, found.reason)


def _partitions(topics: frozenset[str], seen: Observation) -> Iterable[TopicPartition]:
    for topic in sorted(topics):
        count = seen.partitions.get(topic)
        if isinstance(count, int):
            yield from (TopicPartition(topic, number) for number in range(count))


def _lag(
    partition: TopicPartition, group: GroupObservation, seen: Observation, subscription: Subscription
) -> PartitionLag:
    return partition_lag(
        partition,
        seen.logs.get(partition, Unreadable("the partition was not read")),
        group.committed.get(partition),
        subscription,
        siblings_committed=any(other.topic == partition.topic for other in group.committed),
        counted=seen.counted,
        finished=group.finished.get(partition, 0),
    )
