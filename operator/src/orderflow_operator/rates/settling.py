"""Whether the group is as the replicas say, and how long it takes to become so. Pure.

A rebalance stops the group, which looks like lag; a decision made then would cause the next rebalance.
"""

from __future__ import annotations

from math import ceil

from msgspec.structs import replace

from orderflow_operator.rates.memory import Memory
from orderflow_operator.rates.samples import Sample
from orderflow_operator.rates.service import STABLE
from orderflow_operator.spec.streamworker import Policy

EMPTY, REBALANCING = "Empty", "Rebalancing"
LEAST_WAIT_SECONDS = 60.0
# An informer shows our own write a moment late; what it still shows is not somebody else's doing.
WRITE_VISIBLE_SECONDS = 15.0
LEARNING = 0.3
LONGEST_PAUSE_SECONDS = 300.0


def gate_problem(policy: Policy, memory: Memory, sample: Sample) -> str | None:
    """Return in words what keeps the group from being as the replicas say, None if it is.

    From zero the gate is open. With all pods unready an empty group is as expected; only after a change
    of the replicas must they all be ready, so that pods that never start do not hold back everything.
    """
    target = sample.target
    if _write_pending(memory, sample):
        return f"the change to {memory.replicas} replicas is not visible yet"
    if target.replicas == 0:
        return None
    if memory.settling and target.ready != target.replicas:
        return f"{target.ready} of {target.replicas} replicas are ready"
    return _group_problem(policy, sample)


def _group_problem(policy: Policy, sample: Sample) -> str | None:
    expected = sample.target.ready * policy.consumers_per_pod
    if sample.group == REBALANCING:
        return f"the group rebalances with {sample.members} members"
    if sample.group == EMPTY and expected == 0:
        return None
    if sample.group != STABLE:
        return f"the group is {sample.group} where {expected} members are expected"
    if sample.members != expected:
        return f"the group has {sample.members} members where {expected} are expected"
    return None


def bound(memory: Memory) -> float:
    """Return how long to wait for the group, in seconds: longer where it has taken longer before."""
    return float(ceil(max(LEAST_WAIT_SECONDS, 4 * memory.pause_seconds, 2 * memory.settle_seconds)))


def with_replicas(memory: Memory, sample: Sample) -> Memory:
    """Return the memory with a change of the replicas, whoever made it."""
    seen = sample.target.replicas
    if memory.replicas is None:
        return replace(memory, replicas=seen)
    if seen == memory.replicas or _write_pending(memory, sample) or not sample.target.exists:
        return memory
    return replace(memory, replicas=seen, changed_at=sample.at, settling=True, closed_since=None)


def with_gate(policy: Policy, memory: Memory, sample: Sample) -> Memory:
    """Return the memory with the state of the gate, and what its opening has taught."""
    memory = _with_pause(memory, sample)
    if gate_problem(policy, memory, sample) is not None:
        since = memory.closed_since if memory.closed_since is not None else sample.at
        return replace(memory, closed_since=since)
    if not memory.settling:
        return replace(memory, closed_since=None)
    took = sample.at - memory.changed_at if memory.changed_at is not None else memory.settle_seconds
    settle = round(memory.settle_seconds + LEARNING * (took - memory.settle_seconds), 1)
    return replace(memory, settling=False, settled_at=sample.at, closed_since=None, settle_seconds=settle)


def _with_pause(memory: Memory, sample: Sample) -> Memory:
    """Learn the pause from the first poll in a rebalance to the first after it: right on the average."""
    if sample.group == REBALANCING:
        since = memory.rebalancing_since if memory.rebalancing_since is not None else sample.at
        return replace(memory, rebalancing_since=since)
    if memory.rebalancing_since is None or sample.group != STABLE:
        return memory
    pause = min(LONGEST_PAUSE_SECONDS, sample.at - memory.rebalancing_since)
    learned = memory.pause_seconds + LEARNING * (pause - memory.pause_seconds)
    return replace(memory, rebalancing_since=None, pause_seconds=round(learned, 2))


def _write_pending(memory: Memory, sample: Sample) -> bool:
    last = memory.last_scale
    return (
        last is not None
        and sample.target.replicas == last.before != last.after == memory.replicas
        and sample.at - last.at < WRITE_VISIBLE_SECONDS
    )
