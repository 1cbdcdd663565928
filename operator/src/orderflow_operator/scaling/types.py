"""What a decision is made from and what it says: values that JSON keeps without loss. Pure."""

from __future__ import annotations

from orderflow_operator.rates.samples import Row, Target, Value
from orderflow_operator.spec.streamworker import Policy


class Load(Row, frozen=True):
    """What one partition asks for: records behind, arriving per second, and in the last poll alone.

    `recovering`: what is behind was left by a stall, and is its one consumer's to work off. `handled`: of
    what is behind, the records that rare commits do not show yet, by the arrivals and the commit interval.
    `apart`: it stands still while most others do not, so no number of replicas helps.
    """

    topic: str
    partition: int
    lag: int
    arrival: float
    surge: float
    stalled_seconds: float = 0.0
    recovering: bool = False
    handled: int = 0
    apart: bool = False

    @property
    def backlog(self) -> int:
        """Return the records behind that more replicas could help with."""
        return 0 if self.apart or self.recovering else max(0, self.lag - self.handled)

    @property
    def name(self) -> str:
        """Return the partition as people write it: orders[3]."""
        return f"{self.topic}[{self.partition}]"


class Gate(Value, frozen=True, kw_only=True):
    """Whether the group is as the replicas say, so that what is measured means something.

    `why` says in words what is missing; `waited` of at most `bound` seconds.
    `unready`: only replicas that are not ready are missing, which need not keep the others up.
    """

    why: str | None = None
    unready: bool = False
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
    """More than `replicas` did not help, `tried` least of all; the next try is in `retry_seconds`."""

    replicas: int
    tried: int
    retry_seconds: float
    evidence: str = ""


class Inputs(Value, frozen=True, kw_only=True):
    """Everything a decision needs, rounded once, so that the recorded inputs give it again.

    interval            seconds since the poll before
    suspect             the last poll's arrivals differ from those before and wait for a second look
    growth              by which factor arrivals would grow within the stabilization window, at least 1
    rate_per_consumer   records per second of one saturated consumer, None until learned
    throughput          records per second that the group commits
    pause_seconds       how long a rebalance stops the group
    window_replicas     the most that any recommendation within the window asked for
    window_seconds      how long the window has been observed without a gap
    since_change        seconds since the replicas changed, by whomever, None if never seen
    since_settled       seconds since the group had followed the last change, None if never seen
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
    throughput: float = 0.0
    pause_seconds: float = 0.0
    window_replicas: int = 0
    window_seconds: float = 0.0
    since_change: float | None = None
    since_settled: float | None = None
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

    replicas     what the target is to have; what it has when nothing is to be written
    would_be     what it would have without a pause, a dry run or another hold; None when unknown
    raw          the number before any limiter, None when there was nothing to compute it from
    recommended  the fewest that arrivals alone need, with a margin: the entry of the stabilization window
    reason       one CamelCase word; `message` answers "why this many?" in a sentence or two
    write        whether the replicas are to be written
    """

    at: float
    replicas: int
    reason: str
    message: str
    would_be: int | None = None
    raw: int | None = None
    recommended: int | None = None
    limiters: tuple[Limiter, ...] = ()
    write: bool = False
    findings: tuple[Finding, ...] = ()
