"""What a run is worth: seconds over the objective, time to react and to drain, and what it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.autoscale.simulation import Run, Write

# The default stabilization window, and what the operator counts in its metric.
FLAP_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Score:
    """The scores of one run; times in seconds, None where there was nothing to react to or to drain.

    over          seconds in which the oldest unread record was older than the objective
    react         from time 0 to the first write upwards
    drain         from time 0 until the first backlog after it is gone
    flaps         writes upwards within two minutes after one downwards
    """

    over: float
    react: float | None
    drain: float | None
    writes: int
    rebalances: int
    flaps: int
    replica_minutes: float


def score(run: Run) -> Score:
    """Return the scores of a run."""
    over = sum(point.age > run.trace.objective for point in run.points)
    ups = [write.at for write in run.writes if write.after > write.before]
    return Score(
        over=float(over),
        react=ups[0] if ups else None,
        drain=drained(run),
        writes=len(run.writes),
        rebalances=run.rebalances,
        flaps=flaps(run.writes),
        replica_minutes=run.pod_seconds / 60,
    )


def flaps(writes: Sequence[Write]) -> int:
    """Return how many writes go up within two minutes after one that went down."""
    return sum(
        second.after > second.before
        and any(
            first.after < first.before and 0 < second.at - first.at <= FLAP_SECONDS
            for first in writes[:place]
        )
        for place, second in enumerate(writes)
    )


def drained(run: Run) -> float | None:
    """Return when the first backlog after time 0 is gone: less than two seconds of arrivals is left.

    None when there never was one of ten seconds, or when it is still there at the end.
    """
    behind = False
    for point in run.points:
        rate = max(1.0, run.trace.rate(point.at))
        if point.backlog > 10 * rate:
            behind = True
        elif behind and point.backlog <= 2 * rate:
            return point.at
    return None


def back_at(run: Run, replicas: int) -> float | None:
    """Return when the last write brought the size back to `replicas`."""
    last = run.writes[-1] if run.writes else None
    return last.at if last and last.after == replicas else None


def beats(one: Score, other: Score) -> bool:
    """Return whether `one` is better in objective seconds at equal or fewer replica-minutes."""
    return one.over < other.over and one.replica_minutes <= other.replica_minutes
