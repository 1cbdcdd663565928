"""What one read of the brokers told us: pure values, so a decision can be replayed from them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class TopicPartition(NamedTuple):
    """One partition of a topic."""

    topic: str
    partition: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]"


class Tail(NamedTuple):
    """The offsets [position, end) of one partition: what a group has yet to read."""

    topic: str
    partition: int
    position: int
    end: int


class Reset(StrEnum):
    """Where a group begins when it has no committed offset (`auto.offset.reset`)."""

    EARLIEST = "earliest"
    LATEST = "latest"


@dataclass(frozen=True, slots=True)
class LogRange:
    """The offsets a partition retains.

    `end` is the last stable offset: a read_committed reader gets no further. Between it and
    `high_watermark` lie the records of open transactions.
    """

    start: int
    end: int
    high_watermark: int


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A partition, topic or group that could not be read, with the broker's reason.

    `silent`: there was no answer, which may be different the next time.
    """

    reason: str
    silent: bool = False


class GroupState(StrEnum):
    """Kafka's names for the state of a consumer group, classic and KIP-848."""

    STABLE = "Stable"
    EMPTY = "Empty"
    REBALANCING = "Rebalancing"
    DEAD = "Dead"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Member:
    """One consumer of a group and the partitions it owns now."""

    member_id: str
    client_id: str
    host: str
    assignment: frozenset[TopicPartition]


@dataclass(frozen=True, slots=True)
class GroupObservation:
    """One consumer group: its state, members and committed offsets.

    `finished` counts the records that are finished past a committed offset, where there are any.
    """

    group: str
    state: GroupState
    members: tuple[Member, ...]
    committed: Mapping[TopicPartition, int]
    finished: Mapping[TopicPartition, int] = field(default_factory=dict)

    @property
    def topics(self) -> frozenset[str]:
        """Return the topics the group has committed or is assigned."""
        assigned = {partition.topic for member in self.members for partition in member.assignment}
        return frozenset(assigned | {partition.topic for partition in self.committed})


@dataclass(frozen=True, slots=True)
class Subscription:
    """Whose lag to look at, and where that group begins without a committed offset.

    No topics means every topic that the group has committed or is assigned. `baseline` holds, for
    a group that resets to latest, the end offsets from which its records are counted; `known` the
    last committed offsets its owner remembers, in case the broker has let them expire.
    """

    group: str
    topics: frozenset[str] = frozenset()
    reset: Reset = Reset.EARLIEST
    baseline: Mapping[TopicPartition, int] = field(default_factory=dict)
    known: Mapping[TopicPartition, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Observation:
    """Everything one read of the brokers told us.

    `at` is in seconds since the epoch. `partitions` is the partition count of each topic asked for;
    `counted` holds the data records found in tails that were small enough to be read.
    """

    at: float
    groups: Mapping[str, GroupObservation | Unreadable]
    partitions: Mapping[str, int | Unreadable]
    logs: Mapping[TopicPartition, LogRange | Unreadable]
    counted: Mapping[Tail, int] = field(default_factory=dict)
