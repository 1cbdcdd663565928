"""Whether a scale-up helped; where it did not, a ceiling. Pure.

More consumers in front of a database that is the limit make it slower (KEDA issue 7092). So a scale-up
is held to its promise: once the new members have been busy for three polls, the group must have gained
a share of what they should add. If not, the size that carries the throughput is the ceiling, and one
size more is tried again after a while, each time later.
"""

from __future__ import annotations

from math import ceil

from msgspec.structs import replace

from orderflow_operator.rates.memory import Ceiling, Memory, PartitionMemory, Verification
from orderflow_operator.rates.samples import Sample
from orderflow_operator.rates.service import consumers
from orderflow_operator.spec.streamworker import Policy

Rows = tuple[PartitionMemory, ...]

POLLS = 3
IDLE_POLLS = 12
LEAST_GAIN = 0.3
BUSY_SHARE = 0.8
FIRST_BACKOFF_SECONDS = 600.0
LONGEST_BACKOFF_SECONDS = 7200.0


def opened(memory: Memory, before: int, after: int) -> Verification | None:
    """Return what a scale-up now promises, None where nothing is known that it could be held to."""
    rate, throughput = memory.rate_per_consumer, memory.throughput
    if after <= before or before == 0 or not (rate or throughput > 0):
        return None
    return Verification(before=before, after=after, throughput=throughput, rate_per_consumer=rate)


def with_effect(policy: Policy, memory: Memory, rows: Rows, sample: Sample) -> Memory:
    """Return the memory after one more look at an open verification; `memory` holds the old rows."""
    memory = _without_old_ceiling(memory, sample.at)
    check = memory.verification
    if check is None:
        return memory
    if sample.target.replicas != check.after and memory.replicas != check.after:
        return replace(memory, verification=None)
    if memory.closed_since is not None or memory.settling:
        return memory
    if not check.settled:
        return replace(memory, verification=replace(check, settled=True))
    if not _all_busy(memory, rows, sample):
        return _idle(memory, check)
    return _judged(policy, memory, _counted(check, memory, rows, sample), sample.at)


def _without_old_ceiling(memory: Memory, at: float) -> Memory:
    ceiling = memory.ceiling
    old = ceiling is not None and memory.verification is None and at > ceiling.retry_at + ceiling.backoff
    return replace(memory, ceiling=None) if old else memory


def _all_busy(memory: Memory, rows: Rows, sample: Sample) -> bool:
    """Tell whether nearly every consumer that owns a partition had more to do than it could."""
    owners = {row.owner for row in rows if row.owner is not None}
    busy = sum(saturated for _, _, saturated in consumers(memory, rows, sample.at))
    return bool(owners) and busy >= BUSY_SHARE * len(owners)


def _idle(memory: Memory, check: Verification) -> Memory:
    """Consumers with time to spare for a minute have helped enough; a backlog takes its time to show."""
    polls = min(0, check.polls) - 1
    if polls > -IDLE_POLLS:
        return replace(memory, verification=replace(check, polls=polls, moved=0, seconds=0.0))
    return replace(memory, verification=None, ceiling=_lifted(memory, check))


def _counted(check: Verification, memory: Memory, rows: Rows, sample: Sample) -> Verification:
    before = {row.key: row.position for row in memory.partitions}
    moved = sum(max(0, row.position - before.get(row.key, row.position)) for row in rows)
    seconds = sample.at - (memory.sampled_at or sample.at)
    polls = max(0, check.polls) + 1
    return replace(check, polls=polls, moved=check.moved + moved, seconds=check.seconds + seconds)


def _judged(policy: Policy, memory: Memory, check: Verification, at: float) -> Memory:
    if check.polls < POLLS or check.seconds < 2 * (memory.commit_seconds or 0.0):
        return replace(memory, verification=check)
    threads = policy.consumers_per_pod
    # What each has been seen to do is the least that it can do.
    rate = check.rate_per_consumer or check.throughput / (check.before * threads)
    useful = min(check.after * threads, len(memory.partitions)) * rate
    throughput = check.moved / check.seconds
    gained, expected = throughput - check.throughput, useful - check.throughput
    if gained >= LEAST_GAIN * expected:
        return replace(memory, verification=None, ceiling=_lifted(memory, check))
    enough = ceil(throughput / (rate * threads))
    size = min(check.after - 1, max(check.before, enough))
    backoff = memory.ceiling.backoff * 2 if memory.ceiling else FIRST_BACKOFF_SECONDS
    backoff = min(LONGEST_BACKOFF_SECONDS, backoff)
    evidence = (
        f"{check.before} to {check.after} replicas brought {check.throughput:.0f} to {throughput:.0f} "
        f"records/s, {max(0.0, gained):.0f} more where {expected:.0f} were due"
    )
    ceiling = Ceiling(
        replicas=size, tried=check.after, retry_at=at + backoff, backoff=backoff, evidence=evidence
    )
    return replace(memory, verification=None, ceiling=ceiling)


def _lifted(memory: Memory, check: Verification) -> Ceiling | None:
    """A try above the ceiling that helped lifts it."""
    above = memory.ceiling is not None and check.after > memory.ceiling.replicas
    return None if above else memory.ceiling
