"""What goes into a decision and what comes out: values that JSON keeps without loss. Pure.

Times are seconds since the epoch, rates records per second, lag records. Arrivals and rates are counted
in offsets, so they include the markers of transactions on both sides.
"""

from __future__ import annotations

from msgspec import Struct

from orderflow_operator.spec.streamworker import Policy


class Value(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that goes into a status: immutable, camelCase, without the fields that say nothing."""


class Row(Struct, frozen=True, kw_only=False, array_like=True):
    """A value that a status holds many of: written as a short list."""


# --- one poll, as the caller saw it ---------------------------------------------------------------------


class PartitionSample(Value, frozen=True, kw_only=True):
    """One partition at one poll; end, position and lag are None while they are unknown.

    `position` is the offset from which lag counts, `committed` the real commit, if there is one.
    `owner` is the id of the member that the partition is assigned to.
    """

    topic: str
    partition: int
    end: int | None = None
    position: int | None = None
    lag: int | None = None
    owner: str | None = None
    committed: int | None = None


class Target(Value, frozen=True, kw_only=True):
    """The workload that is scaled: `replicas` is what its spec asks for, `ready` what runs."""

    replicas: int
    ready: int
    rolling_out: bool = False
    exists: bool = True


class Sample(Value, frozen=True, kw_only=True):
    """One poll of one worker.

    group       state of the consumer group, Kafka's word (orderflow_lag GroupState)
    members     members of the group
    lag_seconds age of the oldest unread record, None while unknown
    problem     why the lag could not be read, None when it could
    conflict    who else scales the target
    blocked     what has to be there before the first worker, such as topics that are not ready
    """

    at: float
    group: str
    members: int
    partitions: tuple[PartitionSample, ...]
    target: Target
    lag_seconds: float | None = None
    problem: str | None = None
    conflict: str | None = None
    blocked: str | None = None


# --- what a decision is made from -----------------------------------------------------------------------


class Load(Row, frozen=True):
    """What one partition asks for: records behind, arriving per second, and in the last poll alone."""

    topic: str
    partition: int
    lag: int
    arrival: float
    surge: float
    stalled_seconds: float = 0.0

    @property
    def name(self) -> str:
        """Return the partition as people write it: orders[3]."""
        return f"{self.topic}[{self.partition}]"


class Gate(Value, frozen=True, kw_only=True):
    """Whether the group is as the replicas say, so that what is measured means something.

    `why` says in words what is missing; `waited` of at most `bound` seconds.
    `converged` is False once the bound has passed: then nothing goes down.
    """

    why: str | None = None
    waited: float = 0.0
    bound: float = 60.0

    @property
    def open(self) -> bool:
        """Tell whether nothing is missing."""
        return self.why is None

    @property
    def given_up(self) -> bool:
        """Tell whether the wait has lasted too long."""
        return self.why is not None and self.waited >= self.bound


class CeilingInput(Value, frozen=True, kw_only=True):
    """More than `replicas` did not help, by `evidence`; the next try is in `retry_seconds`."""

    replicas: int
    retry_seconds: float
    evidence: str = ""


class Inputs(Value, frozen=True, kw_only=True):
    """Everything a decision needs, rounded once, so that the recorded inputs give it again.

    interval            seconds since the poll before
    suspect             the last poll's arrivals differ from those before and wait for a second look
    growth              by which factor arrivals would grow within the stabilization window, at least 1
    rate_per_consumer   records per second of one saturated consumer, None until learned
    pause_seconds       how long a rebalance stops the group
    window_replicas     the most that any recommendation within the window asked for
    window_seconds      how long the window has been observed without a gap
    since_change        seconds since the replicas changed, by whomever, None if never seen
    quiet_seconds       seconds since there was lag or an arrival
    last_written        what we last set the replicas to, None if never
    problem_seconds     how long the lag has been unreadable
    """

    at: float
    policy: Policy
    group: str
    members: int
    target: Target
    loads: tuple[Load, ...]
    lag_seconds: float | None = None
    interval: float = 0.0
    suspect: bool = False
    growth: float = 1.0
    rate_per_consumer: float | None = None
    pause_seconds: float = 0.0
    window_replicas: int = 0
    window_seconds: float = 0.0
    since_change: float | None = None
    quiet_seconds: float = 0.0
    last_written: int | None = None
    gate: Gate = Gate()
    ceiling: CeilingInput | None = None
    problem: str | None = None
    problem_seconds: float = 0.0
    conflict: str | None = None
    blocked: str | None = None

    @property
    def lag(self) -> int:
        """Return the records behind, also those of stalled partitions."""
        return sum(load.lag for load in self.loads)

    @property
    def arrival(self) -> float:
        """Return the records that arrive per second."""
        return sum(load.arrival for load in self.loads)

    @property
    def current(self) -> int:
        """Return the replicas that the target's spec asks for: arithmetic is on these only."""
        return self.target.replicas


# --- the decision ---------------------------------------------------------------------------------------


class Limiter(Value, frozen=True, kw_only=True):
    """One step from the raw number to the final one."""

    name: str
    before: int
    after: int
    because: str


class Finding(Value, frozen=True, kw_only=True):
    """What a decision says about one condition; `status` is True, False or Unknown."""

    type: str
    status: str
    reason: str
    message: str


class Decision(Value, frozen=True, kw_only=True, omit_defaults=False):
    """How many replicas, and why.

    replicas   what the target is to have; what it has when nothing is to be written
    would_be   what it would have without a pause, a dry run or another hold; None when that is unknown
    raw        the number before any limiter, None when there was nothing to compute it from
    reason     one CamelCase word; `message` is the answer to "why this many?" in a sentence or two
    write      whether the replicas are to be written
    """

    at: float
    replicas: int
    reason: str
    message: str
    would_be: int | None = None
    raw: int | None = None
    limiters: tuple[Limiter, ...] = ()
    write: bool = False
    findings: tuple[Finding, ...] = ()
