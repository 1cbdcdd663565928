"""What one poll leaves for the next and a restart must not lose; small enough for a status. Pure."""

from __future__ import annotations

from msgspec import field
from msgspec.structs import replace

from orderflow_operator.rates.samples import Row, Value


class PartitionMemory(Row, frozen=True):
    """The last that was known of a partition.

    at          when it was last known
    moved_at    when its position was last seen to move (before that: when it was first seen)
    left        its lag right after that move
    seen_moving whether a move was really seen
    idle        whether a poll since the move saw it without lag
    behind_at   since when it has lag and has not moved in a stable group, None without lag
    polls       polls since then
    arrival     records per second that arrive; `surge`: in the last poll alone, while it is suspect
    stalled     whether it stands still for longer than anything else explains
    apart       whether it does while most others do not: then it is the record, not what is behind all
    recovering  whether it moves again, but has not caught up with what the stall left
    """

    topic: str
    partition: int
    at: float
    end: int
    position: int
    lag: int
    owner: str | None
    committed: int | None
    moved_at: float
    left: int
    seen_moving: bool = False
    idle: bool = False
    behind_at: float | None = None
    polls: int = 0
    arrival: float = 0.0
    surge: float = 0.0
    stalled: bool = False
    recovering: bool = False
    apart: bool = False

    @property
    def key(self) -> tuple[str, int]:
        """Return what identifies the partition."""
        return self.topic, self.partition


class Mark(Row, frozen=True):
    """The end offsets of all partitions, in their order, at one moment."""

    at: float
    ends: tuple[int, ...]


class TotalMark(Row, frozen=True):
    """The sum of all end offsets at one moment."""

    at: float
    total: int


class Recommendation(Row, frozen=True):
    """The fewest replicas that one poll would have been content with."""

    at: float
    replicas: int


class LastScale(Value, frozen=True, kw_only=True, omit_defaults=False):
    """The last write of ours."""

    at: float
    before: int = field(name="from")
    after: int = field(name="to")
    reason: str
    message: str


class Verification(Value, frozen=True, kw_only=True):
    """A scale-up that has still to show that it helped.

    throughput         records per second committed before it
    rate_per_consumer  what one consumer was known to manage before it
    settled            whether the new members are there; `moved` records in `seconds` since then
    """

    before: int
    after: int
    throughput: float
    rate_per_consumer: float | None = None
    settled: bool = False
    polls: int = 0
    moved: int = 0
    seconds: float = 0.0


class Ceiling(Value, frozen=True, kw_only=True):
    """More than `replicas` did not help, `tried` least of all: from `retry_at` on one size up, as a try."""

    replicas: int
    tried: int
    retry_at: float
    backoff: float
    evidence: str


class Memory(Value, frozen=True, kw_only=True):
    """What a worker's past has taught.

    sampled_at        last poll with readable lag; `watched_since` then without a gap
    group, members    the group at the last readable poll; `steady_at` since when it is stable with them
    marks             ends of the arrival window; `suspect`: it began with the last poll, see arrivals
    totals            of all end offsets over the stabilization window
    throughput        records per second that the group commits, over some 15 s
    changed_at        when the replicas last changed, by whomever; `settling` until the group has followed
    settled_at        when it last had
    closed_since      since when the gate is closed
    settle_seconds    how long the group took to follow the last changes
    active_at         when there was last lag or an arrival
    recommendations   of the stabilization window, only those that no later one outdoes
    baselines         topic to end offsets: where a group that resets to latest begins without a commit
    """

    version: int = 1
    sampled_at: float | None = None
    watched_since: float | None = None
    interval: float = 0.0
    unreadable_since: float | None = None
    problem: str | None = None
    group: str | None = None
    members: int = 0
    steady_at: float | None = None
    partitions: tuple[PartitionMemory, ...] = ()
    marks: tuple[Mark, ...] = ()
    suspect: bool = False
    totals: tuple[TotalMark, ...] = ()
    throughput: float = 0.0
    rate_per_consumer: float | None = None
    commit_seconds: float | None = None
    pause_seconds: float = 3.0
    rebalancing_since: float | None = None
    replicas: int | None = None
    changed_at: float | None = None
    settled_at: float | None = None
    settling: bool = False
    settle_seconds: float = 15.0
    closed_since: float | None = None
    active_at: float | None = None
    last_scale: LastScale | None = None
    recommendations: tuple[Recommendation, ...] = ()
    verification: Verification | None = None
    ceiling: Ceiling | None = None
    baselines: dict[str, tuple[int, ...]] = field(default_factory=dict)


def durable(memory: Memory) -> Memory:
    """Return the part worth writing down: without the arrival window, which two polls bring back."""
    rows = tuple(replace(row, owner=None) for row in memory.partitions)
    return replace(memory, partitions=rows, marks=(), suspect=False)
