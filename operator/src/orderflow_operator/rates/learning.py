"""What one poll teaches, in order: replicas, offsets, arrivals, service, effect. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from orderflow_operator.rates.arrivals import with_arrivals
from orderflow_operator.rates.effect import with_effect
from orderflow_operator.rates.forecast import with_total
from orderflow_operator.rates.memory import Memory, PartitionMemory
from orderflow_operator.rates.samples import PartitionSample, Sample
from orderflow_operator.rates.service import (
    STABLE,
    commit_seconds,
    steady_at,
    tracked,
    with_service,
    with_stalls,
)
from orderflow_operator.rates.settling import with_gate, with_replicas
from orderflow_operator.spec.streamworker import OffsetReset, Policy

STALE_SECONDS = 60.0


def learn(policy: Policy, memory: Memory, sample: Sample) -> Memory:
    """Return the memory after a poll; one that could not be read teaches only that."""
    memory = with_replicas(memory, sample)
    rows, problem = _rows(memory, sample)
    if problem is not None:
        since = memory.unreadable_since if memory.unreadable_since is not None else sample.at
        return replace(memory, unreadable_since=since, problem=problem)
    memory = replace(with_gate(policy, memory, sample), steady_at=steady_at(memory, sample))
    memory = _learned(policy, memory, rows, sample)
    return replace(memory, group=sample.group, members=sample.members)


def _learned(policy: Policy, memory: Memory, rows: tuple[PartitionMemory, ...], sample: Sample) -> Memory:
    """Rows are the partitions now; `memory` holds them as of the poll before until the end."""
    at = sample.at
    complete = all(row.at == at for row in rows)
    commit = commit_seconds(memory, rows, at)
    rows = with_stalls(replace(memory, commit_seconds=commit), rows, at)
    effect = with_effect(policy, with_service(memory, rows, sample), rows, sample)
    learned, rows = with_arrivals(effect, rows, at, complete=complete)
    if complete:
        total = sum(row.end for row in rows)
        learned = with_total(learned, total, at, policy.stabilization_window_seconds)
    oldest = at - policy.stabilization_window_seconds
    gap = memory.sampled_at is None or at - memory.sampled_at > STALE_SECONDS
    return replace(
        learned,
        partitions=rows,
        commit_seconds=commit,
        interval=round(at - memory.sampled_at, 3) if memory.sampled_at is not None else 0.0,
        sampled_at=at,
        watched_since=at if gap else memory.watched_since,
        recommendations=tuple(one for one in memory.recommendations if one.at > oldest),
        active_at=_active_at(memory, rows, at),
        unreadable_since=None,
        problem=None,
        baselines=_baselines(policy, memory, rows, complete=complete),
    )


def _rows(memory: Memory, sample: Sample) -> tuple[tuple[PartitionMemory, ...], str | None]:
    """Return the partitions as last known, or why they are not known well enough."""
    if sample.problem is not None:
        return (), sample.problem
    if not sample.partitions:
        return (), "its topics have no partitions"
    old = {row.key: row for row in memory.partitions}
    rows = []
    for seen in sorted(sample.partitions, key=lambda one: (one.topic, one.partition)):
        before = old.get((seen.topic, seen.partition))
        row = _row(before, seen, sample)
        if row is None:
            since = f"for {sample.at - before.at:.0f} s" if before else "from the first look on"
            return (), f"the lag of {seen.topic}[{seen.partition}] is unknown {since}"
        rows.append(row)
    return tuple(rows), None


def _row(before: PartitionMemory | None, seen: PartitionSample, sample: Sample) -> PartitionMemory | None:
    if seen.end is None or seen.position is None or seen.lag is None:
        return before if before and sample.at - before.at <= STALE_SECONDS else None
    return tracked(before, seen, sample.at, stable=sample.group == STABLE)


def _active_at(memory: Memory, rows: tuple[PartitionMemory, ...], at: float) -> float:
    ends = {row.key: row.end for row in memory.partitions}
    quiet = all(row.lag == 0 and row.end == ends.get(row.key, row.end) for row in rows)
    return memory.active_at if quiet and memory.active_at is not None else at


def _baselines(
    policy: Policy, memory: Memory, rows: tuple[PartitionMemory, ...], *, complete: bool
) -> dict[str, tuple[int, ...]]:
    """Keep where each topic ended when it was first seen; a topic as a whole, so that a later partition
    is known to be new."""
    if policy.offset_reset is not OffsetReset.LATEST or not complete:
        return memory.baselines
    fresh: dict[str, tuple[int, ...]] = {}
    for row in rows:
        if row.topic not in memory.baselines:
            fresh[row.topic] = (*fresh.get(row.topic, ()), row.end)
    return {**memory.baselines, **fresh} if fresh else memory.baselines
