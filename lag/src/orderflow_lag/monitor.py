"""The whole answer at once: groups, their lag in records and in seconds, read after read.

A monitor that has watched for a while interpolates the seconds; a first look asks for the timestamp of
the oldest unread record instead, unless reading records is off.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    Observation,
    Subscription,
    Tail,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.seconds import LagSeconds, OffsetHistory, lag_seconds, longest
from orderflow_lag.truth import GroupLag, PartitionLag, group_lag


class Reader(Protocol):
    """What a monitor needs of a lag reader, whichever process that is in."""

    def read(self, subscriptions: Iterable[Subscription], topics: Iterable[str] = ()) -> Observation:
        """Return what the brokers say; raise LagError."""

    def written_at(self, tails: Iterable[Tail]) -> dict[Tail, float]:
        """Return when the first record of each tail was written."""


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One group as of now; `seconds` lacks the partitions whose lag is unknown."""

    at: float
    observed: GroupObservation | Unreadable
    lag: GroupLag
    seconds: Mapping[TopicPartition, LagSeconds]

    @property
    def state(self) -> GroupState:
        """Return the group's state; one that could not be read is Unknown."""
        return GroupState.UNKNOWN if isinstance(self.observed, Unreadable) else self.observed.state

    @property
    def topics(self) -> tuple[str, ...]:
        """Return the topics this report speaks of, also those that could not be read."""
        found = {lag.partition.topic for lag in self.lag.partitions}
        return tuple(sorted(found | {problem.topic for problem in self.lag.problems if problem.topic}))

    def seconds_of(self, topic: str | None = None) -> LagSeconds:
        """Return the age of the oldest unread record, of one topic or of all."""
        return longest(lag for at, lag in self.seconds.items() if topic in (at.topic, None))

    def owner(self, partition: TopicPartition) -> str:
        """Return the client id of the member that owns a partition, or nothing."""
        members = () if isinstance(self.observed, Unreadable) else self.observed.members
        return next((member.client_id for member in members if partition in member.assignment), "")


@dataclass(slots=True)
class LagMonitor:
    """Looks at groups again and again and remembers the ends of their logs."""

    reader: Reader
    read_records: bool = True
    _histories: dict[TopicPartition, OffsetHistory] = field(default_factory=dict)

    def look(self, subscriptions: Iterable[Subscription]) -> list[GroupReport]:
        """Return a report for each subscription, in order; raise LagError when no broker answers."""
        wanted = list(subscriptions)
        seen = self.reader.read(wanted)
        self._remember(seen)
        lags = [group_lag(seen, one) for one in wanted]
        written = self._written(lags, seen.at) if self.read_records else {}
        return [
            GroupReport(
                seen.at,
                seen.groups[lag.group],
                lag,
                {one.partition: self._seconds(one, seen.at, written) for one in lag.partitions if one.log},
            )
            for lag in lags
        ]

    def _remember(self, seen: Observation) -> None:
        for partition, log in seen.logs.items():
            if not isinstance(log, Unreadable):
                history = self._histories.get(partition, OffsetHistory())
                self._histories[partition] = history.sampled(log.end, seen.at)

    def _written(self, lags: Iterable[GroupLag], now: float) -> dict[Tail, float]:
        return self.reader.written_at(
            one.tail
            for lag in lags
            for one in lag.partitions
            if one.tail and one.records and self._seconds(one, now, {}).incomplete
        )

    def _seconds(self, lag: PartitionLag, now: float, written: Mapping[Tail, float]) -> LagSeconds:
        if not lag.records or lag.position is None or lag.log is None:
            return LagSeconds(0.0)
        if lag.tail and lag.tail in written:
            return LagSeconds(max(0.0, now - written[lag.tail]))
        history = self._histories.get(lag.partition, OffsetHistory())
        return lag_seconds(history, lag.position, lag.log.end, now)
