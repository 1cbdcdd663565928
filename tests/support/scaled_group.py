"""A consumer group in numbers: what a scaling decision sees of one, second by second, without a broker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from orderflow_operator.scaling import (
    Decision,
    Memory,
    PartitionSample,
    Sample,
    Target,
    decide,
    inputs,
    learn,
    remember,
)
from orderflow_operator.spec.streamworker import Policy

START = 1_000_000_000.0
STEP = 0.5
Arrivals = Callable[[float], float]


@dataclass
class Group:
    """Consumers at `rate` records/s each over `partitions`; the autoscaler looks every `poll` seconds.

    weights   share of the arrivals of each partition
    limit     records/s that whatever is behind the consumers allows all of them together
    starting  seconds until a new replica is ready; `rebalance` the pause of all after a change
    commit    seconds between commits
    poisoned  partitions on which nobody gets on
    """

    policy: Policy = field(default_factory=Policy)
    partitions: int = 12
    rate: float = 100.0
    arrivals: Arrivals = lambda at: 0.0
    replicas: int = 1
    poll: float = 5.0
    weights: tuple[float, ...] = ()
    limit: float = 1e12
    starting: float = 3.0
    rebalance: float = 2.0
    commit: float = 1.0
    poisoned: frozenset[int] = frozenset()
    memory: Memory = field(default_factory=Memory)
    now: float = 0.0
    ready: int = 0
    settled_at: float = 0.0
    busy_until: float = 0.0
    problem: str | None = None
    rolling_out: bool = False
    conflict: str | None = None
    blocked: str | None = None
    ends: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    commits: list[int] = field(default_factory=list)
    writes: list[tuple[float, int, int, str]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.weights = self.weights or tuple(1 / self.partitions for _ in range(self.partitions))
        self.ends, self.done = [0.0] * self.partitions, [0.0] * self.partitions
        self.commits = [0] * self.partitions
        self.ready = self.replicas

    @property
    def lag(self) -> int:
        """Return the records behind."""
        return sum(int(end) - commit for end, commit in zip(self.ends, self.commits, strict=True))

    def burst(self, records: int) -> None:
        """Append records to all partitions by their weights."""
        for n, weight in enumerate(self.weights):
            self.ends[n] += records * weight

    def run(self, seconds: float) -> Group:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end - 1e-9:
            self.now += STEP
            self._pass(STEP)
            if self.now % self.poll < 1e-9:
                self.look()
        return self

    def look(self) -> Decision:
        """Poll, decide and write, as the loop does."""
        sample = self.sample()
        memory = learn(self.policy, self.memory, sample)
        decision = decide(inputs(self.policy, memory, sample))
        self.memory = remember(memory, decision, wrote=decision.write)
        self.samples.append(sample)
        self.decisions.append(decision)
        if decision.write:
            self.writes.append((self.now, self.replicas, decision.replicas, decision.reason))
            self.scale(decision.replicas)
        return decision

    def scale(self, replicas: int) -> None:
        """Change the replicas, by whomever: pods start and then the group rebalances."""
        slow = self.starting if replicas > self.ready else 0.0
        self.replicas, self.settled_at = replicas, self.now + slow
        self.busy_until = self.settled_at + self.rebalance

    @property
    def stable(self) -> bool:
        """Tell whether the group is not in a rebalance."""
        return not self.settled_at <= self.now < self.busy_until

    def sample(self) -> Sample:
        """Return what one poll sees."""
        if self.problem is not None:
            state, members = "Unknown", 0
        else:
            members = self.ready * self.policy.consumers_per_pod
            state = ("Stable" if members else "Empty") if self.stable else "Rebalancing"
        known = self.problem is None
        return Sample(
            at=START + self.now,
            group=state,
            members=members,
            partitions=tuple(self._partition(n) for n in range(self.partitions)) if known else (),
            target=Target(replicas=self.replicas, ready=self.ready, rolling_out=self.rolling_out),
            lag_seconds=self._lag_seconds() if known else None,
            problem=self.problem,
            conflict=self.conflict,
            blocked=self.blocked,
        )

    def _partition(self, n: int) -> PartitionSample:
        end, commit = int(self.ends[n]), self.commits[n]
        owner = f"member-{self._owner(n)}" if self.ready else None
        return PartitionSample(
            topic="orders", partition=n, end=end, position=commit, lag=end - commit, owner=owner,
            committed=commit,
        )  # fmt: skip

    def _owner(self, n: int) -> int:
        consumers = min(self.partitions, self.ready * self.policy.consumers_per_pod)
        few, extra = divmod(self.partitions, consumers)
        return n // (few + 1) if n < extra * (few + 1) else extra + (n - extra * (few + 1)) // few

    def _lag_seconds(self) -> float:
        capacity = max(1, self.ready) * self.rate
        return self.lag / min(capacity, self.limit)

    def _pass(self, seconds: float) -> None:
        for n, weight in enumerate(self.weights):
            self.ends[n] += self.arrivals(self.now) * weight * seconds
        if self.now >= self.settled_at:
            self.ready = self.replicas
        if self.stable and self.ready:
            self._consume(seconds)
        if self.now % self.commit < 1e-9 and self.stable:
            self.commits = [int(done) for done in self.done]

    def _consume(self, seconds: float) -> None:
        mine: dict[int, list[int]] = {}
        for n in range(self.partitions):
            if n not in self.poisoned and self.ends[n] > self.done[n]:
                mine.setdefault(self._owner(n), []).append(n)
        each = min(self.rate, self.limit / max(1, len(mine))) * seconds
        for partitions in mine.values():
            left = each
            for n in sorted(partitions, key=lambda n: self.ends[n] - self.done[n]):
                part = min(left / max(1, len(partitions)), self.ends[n] - self.done[n])
                self.done[n] += part
                left -= part
                partitions = partitions[1:]
