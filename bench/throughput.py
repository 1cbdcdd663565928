"""Throughput: how fast a backlog of orders is worked off, once a contender is warm."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from bench.contenders import Contender
from bench.processes import ContenderFailed, Cost, Running
from bench.results import Figures
from bench.scene import Scene

POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many orders lie ready: `warm` pass unmeasured, the `tail` keeps the last commit under load."""

    warm: int
    measured: int
    tail: int

    @property
    def total(self) -> int:
        return self.warm + self.measured + self.tail


@dataclass(frozen=True, slots=True)
class Mark:
    """What stood where when a commit was seen: records committed, seconds on the clock, cost so far."""

    committed: int
    at: float
    cost: Cost


def measure(scene: Scene, contender: Contender, backlog: Backlog, advance: Callable[[int], None]) -> Figures:
    """Preload the backlog, run the contender over it and return its rate, cost and memory."""
    scene.preload_orders(backlog.total, advance)
    with contender.run(scene) as running:
        first = await_commit(scene, running, backlog.warm)
        last = await_commit(scene, running, backlog.warm + backlog.measured)
        rss = max(running.rss_mib())
    orders, seconds = last.committed - first.committed, last.at - first.at
    cost = last.cost.since(first.cost)
    return {
        "orders_per_second": orders / seconds,
        "cpu_ms_per_order": 1000 * cost.measured / orders,
        "broker_cpu_ms_per_order": 1000 * cost.broker / orders,
        "rss_mib": rss,
        "foreign_cores": cost.foreign / seconds,
        "measured_orders": orders,
    }


def await_commit(scene: Scene, running: Running, wanted: int, within: float = 180.0) -> Mark:
    """Return the first commit seen that covers `wanted` records."""
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        running.check_alive()
        committed = scene.committed()
        if committed >= wanted:
            return Mark(committed, time.monotonic(), running.cost(scene.stage.broker))
        time.sleep(POLL_SECONDS)
    raise ContenderFailed(
        f"{running.name} committed {scene.committed()} of {wanted} orders within {within:.0f} s; "
        f"see {running.log}"
    )
