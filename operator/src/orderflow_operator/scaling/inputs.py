"""Memory and sample to the inputs of a decision, rounded once. Pure."""

from __future__ import annotations

from orderflow_operator.rates.forecast import growth
from orderflow_operator.rates.memory import Memory, PartitionMemory
from orderflow_operator.rates.samples import Sample
from orderflow_operator.rates.settling import bound, gate_problem
from orderflow_operator.scaling.types import CeilingInput, Gate, Inputs, Load
from orderflow_operator.spec.streamworker import Policy

RARE_COMMITS = 1.2


def inputs(policy: Policy, memory: Memory, sample: Sample) -> Inputs:
    """Return everything a decision needs; `memory` has already learned from `sample`."""
    at = sample.at
    return Inputs(
        at=at,
        policy=policy.policy,
        group=sample.group,
        members=sample.members,
        target=sample.target,
        loads=tuple(_load(memory, row, at) for row in memory.partitions),
        lag_seconds=None if sample.lag_seconds is None else round(sample.lag_seconds, 1),
        interval=memory.interval,
        suspect=memory.suspect,
        growth=round(growth(memory.totals, policy.stabilization_window_seconds), 3),
        rate_per_consumer=None if memory.rate_per_consumer is None else round(memory.rate_per_consumer, 3),
        throughput=round(memory.throughput, 3),
        pause_seconds=round(memory.pause_seconds, 1),
        window_replicas=_window_replicas(policy, memory, at),
        window_seconds=_since(memory.watched_since, at) or 0.0,
        since_change=_since(memory.changed_at, at),
        since_settled=_since(memory.settled_at, at),
        quiet_seconds=_since(memory.active_at, at) or 0.0,
        last_written=memory.last_scale.after if memory.last_scale else None,
        gate=_gate(policy, memory, sample),
        ceiling=_ceiling(memory, at),
        problem=memory.problem,
        problem_seconds=_since(memory.unreadable_since, at) or 0.0,
        conflict=sample.conflict,
        blocked=sample.blocked,
    )


def _load(memory: Memory, row: PartitionMemory, at: float) -> Load:
    # Polls cannot tell a commit every five seconds from one every second: too little to count.
    rare = (memory.commit_seconds or 0.0) > RARE_COMMITS * memory.interval
    handled = round(row.arrival * (memory.commit_seconds or 0.0)) if rare else 0
    stalled = at - row.behind_at if row.stalled and row.behind_at is not None else 0.0
    return Load(
        row.topic,
        row.partition,
        row.lag,
        round(row.arrival, 3),
        round(row.surge, 3),
        round(stalled, 1),
        row.recovering,
        min(handled, row.lag),
        row.apart,
    )


def _since(then: float | None, at: float) -> float | None:
    return None if then is None else round(at - then, 1)


def _window_replicas(policy: Policy, memory: Memory, at: float) -> int:
    oldest = at - policy.stabilization_window_seconds
    return max((one.replicas for one in memory.recommendations if one.at > oldest), default=0)


def _gate(policy: Policy, memory: Memory, sample: Sample) -> Gate:
    why = gate_problem(policy, memory, sample)
    if why is None:
        return Gate()
    unready = memory.settling and sample.target.ready < sample.target.replicas
    calm = sample.group == "Stable" and sample.members == sample.target.ready * policy.consumers_per_pod
    return Gate(
        why=why,
        unready=unready and calm,
        waited=_since(memory.closed_since, sample.at) or 0.0,
        bound=bound(memory),
    )


def _ceiling(memory: Memory, at: float) -> CeilingInput | None:
    ceiling = memory.ceiling
    if ceiling is None:
        return None
    retry = max(0.0, round(ceiling.retry_at - at, 1))
    return CeilingInput(
        replicas=ceiling.replicas, tried=ceiling.tried, retry_seconds=retry, evidence=ceiling.evidence
    )
