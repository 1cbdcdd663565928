"""Runs one scaler on one trace, and keeps what there is to score and to draw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bench.autoscale.arrivals import arrivals
from bench.autoscale.fleet import Fleet
from bench.autoscale.traces import Trace
from bench.autoscale.view import Scaler

VIEW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of a run; `age` in seconds, `replicas` as written, `pods` as they exist."""

    at: float
    backlog: int
    age: float
    replicas: int
    pods: int


@dataclass(frozen=True, slots=True)
class Write:
    """One write of `spec.replicas`."""

    at: float
    before: int
    after: int


@dataclass(slots=True)
class Run:
    """What one scaler made of one trace: a point a second and every write from time 0 on."""

    trace: Trace
    scaler: str
    points: list[Point] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    rebalances: int = 0
    pod_seconds: float = 0.0


def simulate(trace: Trace, scaler: Scaler, seed: int = 1) -> Run:
    """Return the run of a scaler on a trace; the same seed gives every scaler the same records."""
    run = Run(trace, scaler.name)
    for _ in advance(run, scaler, seed):
        pass
    return run


def advance(run: Run, scaler: Scaler, seed: int) -> Iterable[float]:
    """Run step by step and yield the time of each, so that a caller can show progress."""
    trace = run.trace
    fleet = Fleet(trace, seed)
    every = max(1, round(VIEW_SECONDS / trace.step))
    warm_rebalances = 0
    for number, (now, counts) in enumerate(arrivals(trace, seed)):
        if now == 0:
            warm_rebalances = fleet.group.rebalances
        fleet.advance(now, counts)
        if now >= 0:
            run.pod_seconds += len(fleet.deployment.pods) * trace.step
        if number % every:
            continue
        if now >= 0:
            run.points.append(
                Point(
                    now,
                    fleet.backlog(),
                    fleet.age(now),
                    fleet.deployment.replicas,
                    len(fleet.deployment.pods),
                )
            )
        wanted = scaler.observe(fleet.view(now))
        if wanted is not None and wanted != fleet.deployment.replicas:
            if now >= 0:
                run.writes.append(Write(now, fleet.deployment.replicas, wanted))
            fleet.deployment.replicas = wanted
        yield now
    run.rebalances = fleet.group.rebalances - warm_rebalances
