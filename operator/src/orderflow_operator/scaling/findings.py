"""What a decision says about each condition: all of them each time, so that none is left behind. Pure."""

from __future__ import annotations

from math import ceil

from orderflow_operator.scaling.holds import Hold, pause_words
from orderflow_operator.scaling.sizing import TOLERANCE, Size, cap
from orderflow_operator.scaling.types import Finding, Inputs, Load
from orderflow_operator.scaling.words import rate, seconds

MOST_NAMED = 5
# Hot is what stands out; where all partitions are too much for a consumer, there are too few of them.
HOT_SHARE = 2.0


def findings(i: Inputs, hold: Hold | None, size: Size | None) -> tuple[Finding, ...]:
    """Return one finding per condition; `size` is None while the lag is unknown."""
    return (
        _active(hold),
        _metrics(i),
        _paused(i),
        _conflict(i),
        _not_converging(i),
        _ineffective(i),
        *(_of_load(i, size) if size else _unknown()),
    )


def hot(i: Inputs) -> list[Load]:
    """Return the partitions that stand out, on which more arrives than one consumer is to carry."""
    if i.rate_per_consumer is None or not i.loads:
        return []
    carried = i.rate_per_consumer * (1 + TOLERANCE) * i.policy.utilization
    limit = max(carried, HOT_SHARE * i.arrival / len(i.loads))
    return [one for one in i.loads if one.arrival > limit]


def _active(hold: Hold | None) -> Finding:
    if hold is None or hold.reason == "RebalanceInProgress":
        return _finding("ScalingActive", True, "LoadDecides", "the replicas follow the load")
    return _finding("ScalingActive", False, hold.reason, hold.because)


def _metrics(i: Inputs) -> Finding:
    if i.problem is None:
        return _finding("MetricsAvailable", True, "LagKnown", "the lag of every partition is known")
    because = f"the lag is unknown for {seconds(i.problem_seconds)}: {i.problem}"
    return _finding("MetricsAvailable", False, "LagUnknown", because)


def _paused(i: Inputs) -> Finding:
    pause = i.policy.pause
    if pause is None or not pause.active(i.at):
        return _finding("Paused", False, "NotPaused", "there is no pause in force")
    return _finding("Paused", True, str(pause.mode), pause_words(i))


def _conflict(i: Inputs) -> Finding:
    if i.conflict is None:
        return _finding("Conflict", False, "NoConflict", "nothing else scales the target")
    return _finding("Conflict", True, "OtherAutoscaler", f"{i.conflict} scales it too; remove one of the two")


def _not_converging(i: Inputs) -> Finding:
    if i.gate.why is None or not i.gate.given_up:
        return _finding("GroupNotConverging", False, "Converging", "the group follows the replicas")
    because = f"{i.gate.why}, for {seconds(i.gate.waited)}; look at the pods that are not ready"
    return _finding("GroupNotConverging", True, "TooLong", because)


def _ineffective(i: Inputs) -> Finding:
    if i.ceiling is None:
        return _finding("ScalingIneffective", False, "Effective", "more replicas have helped so far")
    again = f"tried again in {seconds(i.ceiling.retry_seconds)}" if i.ceiling.retry_seconds else "tried again"
    because = f"{i.ceiling.evidence}: something behind the consumers is the limit; {again}"
    return _finding("ScalingIneffective", True, "NoGain", because)


def _of_load(i: Inputs, size: Size) -> tuple[Finding, ...]:
    return _hot(i, size), _bound(i, size), _stalled(i)


def _hot(i: Inputs, size: Size) -> Finding:
    found = [] if size.fits else hot(i)
    if not found:
        return _finding("HotPartition", False, "Even", "no partition is too much for one consumer")
    arrival = i.arrival or 1.0
    names = ", ".join(f"{one.name} ({one.arrival / arrival:.0%} of arrivals)" for one in found[:MOST_NAMED])
    limit = f"{i.policy.utilization:.0%} of the {rate(i.rate_per_consumer or 0.0)} of one consumer"
    because = f"{names}: more than {limit}, so replicas cannot help; spread its keys"
    return _finding("HotPartition", True, "OverOneConsumer", because)


def _bound(i: Inputs, size: Size) -> Finding:
    late = i.lag_seconds is None or i.lag_seconds > i.policy.max_lag_seconds
    bound = not size.fits and size.replicas >= cap(i) and late and not hot(i)
    if not bound or not i.rate_per_consumer:
        return _finding(
            "PartitionBound", False, "EnoughPartitions", "the partitions do not limit the replicas"
        )
    wanted = ceil(size.need / i.rate_per_consumer)
    because = (
        f"{len(i.loads)} partitions feed {cap(i)} replicas, which is too few for the objective of "
        f"{seconds(i.policy.max_lag_seconds)}; {wanted} partitions would be enough"
    )
    return _finding("PartitionBound", True, "TooFewPartitions", because)


def _stalled(i: Inputs) -> Finding:
    found = [one for one in i.loads if one.stalled_seconds]
    if not found:
        return _finding("PartitionStalled", False, "Moving", "every partition with lag moves on")
    names = ", ".join(f"{one.name} for {seconds(one.stalled_seconds)}" for one in found[:MOST_NAMED])
    because = f"no commit on {names}, though its consumer is there; look at the record after its last commit"
    return _finding("PartitionStalled", True, "NoCommit", because)


def _unknown() -> tuple[Finding, ...]:
    types = ("HotPartition", "PartitionBound", "PartitionStalled")
    return tuple(
        Finding(type=one, status="Unknown", reason="LagUnknown", message="the lag is unknown")
        for one in types
    )


def _finding(kind: str, holds: bool, reason: str, because: str) -> Finding:
    return Finding(type=kind, status="True" if holds else "False", reason=reason, message=because)
