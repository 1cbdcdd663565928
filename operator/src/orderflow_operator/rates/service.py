"""Commits to the rate of a consumer, the commit interval and stalls. Pure.

Only a saturated consumer shows what it can do: one that had work left at its last commit and now, in a
stable group whose members did not change. A partition that stands still teaches nothing: it may be stuck
(Burrow's STALL), its consumer may commit rarely, or it may wait behind its owner's other partitions.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import exp, sqrt

from msgspec.structs import replace

from orderflow_operator.rates.memory import Memory, PartitionMemory
from orderflow_operator.rates.samples import PartitionSample, Sample

Rows = tuple[PartitionMemory, ...]
Pair = tuple[PartitionMemory, PartitionMemory]

RATE_SECONDS = 30.0
THROUGHPUT_SECONDS = 15.0
STALL_POLLS = 3
STALL_SECONDS = 30.0
# While nobody was seen to commit twice, a minute without a commit says nothing.
UNKNOWN_COMMIT_STALL_SECONDS = 300.0
LONGEST_TURN_SECONDS = 300.0
# A stall that ends by itself was a rare commit, if it was not too long.
LONGEST_COMMIT_SECONDS = 120.0
# With less than this a partition has caught up.
LITTLE_LAG, LITTLE_SECONDS = 10, 10.0
STABLE = "Stable"


def tracked(
    old: PartitionMemory | None, seen: PartitionSample, at: float, *, stable: bool
) -> PartitionMemory:
    """Return what is known of a readable partition after this poll."""
    assert seen.end is not None
    assert seen.position is not None
    lag = seen.lag or 0
    fresh = PartitionMemory(
        seen.topic, seen.partition, at, seen.end, seen.position, lag, seen.owner,
        committed=seen.committed if seen.committed is not None else (old.committed if old else None),
        moved_at=at, left=lag, seen_moving=old is not None, behind_at=at if lag else None,
    )  # fmt: skip
    if old is None:
        return fresh
    behind = lag > max(LITTLE_LAG, old.arrival * LITTLE_SECONDS)
    fresh = replace(fresh, recovering=behind and (old.apart or old.recovering))
    if seen.position != old.position:
        return fresh
    waiting = lag > 0 and stable and seen.owner is not None
    return replace(
        fresh,
        moved_at=old.moved_at,
        left=old.left,
        seen_moving=old.seen_moving,
        idle=old.idle or lag == 0,
        behind_at=(old.behind_at or at) if waiting else (at if lag else None),
        polls=old.polls + 1 if waiting else 0,
    )


def commit_seconds(memory: Memory, rows: Rows, at: float) -> float | None:
    """Return how long a busy consumer goes without any commit: quick to grow, slow to shrink."""
    since = _last_moves(memory.partitions)
    busy = {old.owner for old in memory.partitions if not old.idle}
    stuck = {
        old.owner for old in memory.partitions if old.stalled and at - old.moved_at > LONGEST_COMMIT_SECONDS
    }
    moved = {old.owner for old, _ in _moves(memory, rows) if old.owner in since}
    steady = memory.steady_at if memory.steady_at is not None else at
    gaps = [at - since[one] for one in moved & busy - stuck if one is not None and since[one] >= steady]
    if not gaps:
        return memory.commit_seconds
    gap, known = max(gaps), memory.commit_seconds
    return gap if known is None or gap >= known else known + 0.05 * (gap - known)


def with_stalls(memory: Memory, rows: Rows, at: float) -> Rows:
    """Return the rows, those marked that stand still for longer than anything else explains.

    Where most of them do, it is not their records: everything behind the consumers is away, or one
    consumer blocks on one partition and so on all of its own. Then they count as ever: once more
    consumers share them, only those that are really stuck still stand.
    """
    stuck = {row.key for row in rows if _stands_still(memory, rows, row, at)}
    apart = 2 * len(stuck) <= len(rows)
    return tuple(replace(row, stalled=True, apart=apart) if row.key in stuck else row for row in rows)


def _stands_still(memory: Memory, rows: Rows, row: PartitionMemory, at: float) -> bool:
    if row.behind_at is None or row.polls < STALL_POLLS:
        return False
    commit = memory.commit_seconds
    patience = UNKNOWN_COMMIT_STALL_SECONDS if commit is None else max(3 * commit, STALL_SECONDS)
    return at - row.behind_at > max(patience, memory.pause_seconds) + _turn(memory, rows, row)


def with_service(memory: Memory, rows: Rows, sample: Sample) -> Memory:
    """Return the memory with the throughput of the group and the rate per consumer as of now."""
    seconds = sample.at - (memory.sampled_at if memory.sampled_at is not None else sample.at)
    if seconds <= 0 or memory.unreadable_since is not None:
        return memory
    moved = sum(max(0, row.position - old.position) for old, row in _pairs(memory, rows))
    share = 1 - exp(-seconds / THROUGHPUT_SECONDS)
    through = memory.throughput or moved / seconds
    memory_now = replace(memory, throughput=round(through + share * (moved / seconds - through), 3))
    known = memory.rate_per_consumer
    if memory.verification and known is not None:
        return memory_now
    shown = consumers(memory, rows, sample.at)
    rates = [rate for _, rate, saturated in shown if saturated]
    if not rates:
        return replace(memory_now, rate_per_consumer=_at_least(known, memory, shown, sample.at))
    rate, share = sum(rates) / len(rates), 1 - exp(-max(seconds, memory.commit_seconds or 0) / RATE_SECONDS)
    learned = rate if known is None else known + share * (rate - known)
    return replace(memory_now, rate_per_consumer=round(learned, 4))


def _at_least(
    known: float | None, memory: Memory, shown: list[tuple[str, float, bool]], at: float
) -> float | None:
    """Return the known rate, but no less than what consumers do that are not even saturated: what was
    learned while the whole machine was slow would else stay, since who keeps up is never saturated again.

    The commit before may have been made a poll earlier than it was seen, so this is the least they did.
    """
    if known is None or not shown:
        return known
    seconds = at - (memory.sampled_at if memory.sampled_at is not None else at)
    since = _last_moves(memory.partitions)
    least = [rate * (at - since[one]) / (at - since[one] + seconds) for one, rate, _ in shown]
    return max(known, round(sum(least) / len(least), 4))


def consumers(memory: Memory, rows: Rows, at: float) -> list[tuple[str, float, bool]]:
    """Return each consumer that committed since the last poll, its rate since the commit before that,
    and whether it had enough to do all the while."""
    owned: dict[str, list[Pair]] = {}
    for old, row in _pairs(memory, rows):
        if row.owner is not None and row.owner == old.owner and not row.stalled:
            owned.setdefault(row.owner, []).append((old, row))
    since = _last_moves(memory.partitions)
    steady = memory.steady_at if memory.steady_at is not None else at
    late = at - (memory.sampled_at if memory.sampled_at is not None else at)
    return [
        (owner, *_rate(pairs, since[owner], at, late))
        for owner, pairs in sorted(owned.items())
        if steady <= since.get(owner, at) < at and any(row.position > old.position for old, row in pairs)
    ]


def _rate(pairs: list[Pair], since: float, at: float, late: float) -> tuple[float, bool]:
    """A poll sees a commit up to `late` seconds after it was made; so long its lag grew without need."""
    moved = [(old, row) for old, row in pairs if row.position > old.position]
    done = sum(row.position - old.position for old, row in moved)
    rate = done / (at - since)
    needed = rate * (1.0 + late)
    if _backlog(moved, since) >= needed:
        return rate, True
    # Real consumers handle what they fetched of one partition before they turn to the next: what waits there
    # is work too. Unless the others just keep up with their arrivals: then it is stuck.
    arrived = sum(
        row.end - (old.position + old.left if old.moved_at == since else old.end) for old, row in moved
    )
    in_turn = abs(done - arrived) > 0.25 * arrived + 3 * sqrt(max(arrived, 1))
    return rate, in_turn and _backlog(pairs, since) >= needed


def _backlog(pairs: list[Pair], since: float) -> int:
    """Return the least that was left to do, at the commit before, in between or now."""
    before = sum((0 if old.idle else old.left) if old.moved_at == since else old.lag for old, _ in pairs)
    return min(before, sum(row.lag for _, row in pairs))


def _last_moves(rows: Iterable[PartitionMemory]) -> dict[str, float]:
    found: dict[str, float] = {}
    for row in rows:
        if row.owner is not None and row.seen_moving:
            found[row.owner] = max(row.moved_at, found.get(row.owner, row.moved_at))
    return found


def _turn(memory: Memory, rows: Rows, row: PartitionMemory) -> float:
    """Return how long a partition may wait while its owner works through its others."""
    others = [other for other in rows if other.owner == row.owner and other.key != row.key]
    if not any(row.behind_at is not None and other.moved_at > row.behind_at for other in others):
        return 0.0
    lag = sum(other.lag for other in others)
    rate = memory.rate_per_consumer
    return min(LONGEST_TURN_SECONDS, lag / rate) if rate else (LONGEST_TURN_SECONDS if lag else 0.0)


def steady_at(memory: Memory, sample: Sample) -> float:
    """Return since when the group has been stable with the members it has."""
    same = sample.group == memory.group == STABLE and sample.members == memory.members
    return memory.steady_at if same and memory.steady_at is not None else sample.at


def _pairs(memory: Memory, rows: Rows) -> list[Pair]:
    before = {row.key: row for row in memory.partitions}
    return [(before[row.key], row) for row in rows if row.key in before]


def _moves(memory: Memory, rows: Rows) -> list[Pair]:
    return [(old, row) for old, row in _pairs(memory, rows) if row.position != old.position]
