"""Memory: what a worker occupies while a long backlog passes through it."""

from __future__ import annotations

import time
from collections.abc import Callable

from bench.contenders import Contender
from bench.processes import ContenderFailed
from bench.results import Figures
from bench.scene import Scene

SAMPLE_SECONDS = 0.25


def measure(scene: Scene, contender: Contender, orders: int, advance: Callable[[int], None]) -> Figures:
    """Let a contender work off `orders`; return its peak, and the peaks of its second and last quarter."""
    scene.preload_orders(orders, advance)
    samples: list[tuple[int, float]] = []
    with contender.run(scene) as running:
        before, began = running.cost(scene.stage.broker), time.monotonic()
        deadline = began + 300
        while not samples or samples[-1][0] < orders:
            running.check_alive()
            if time.monotonic() > deadline:
                raise ContenderFailed(f"{running.name} did not finish {orders} orders; see {running.log}")
            samples.append((scene.committed(), max(running.rss_mib())))
            time.sleep(SAMPLE_SECONDS)
        foreign = running.cost(scene.stage.broker).since(before).foreign
    second = [rss for committed, rss in samples if orders / 4 <= committed < orders / 2]
    last = [rss for committed, rss in samples if committed >= orders * 3 / 4]
    return {
        "peak_mib": max(rss for _, rss in samples),
        "second_quarter_mib": max(second, default=0.0),
        "last_quarter_mib": max(last),
        "foreign_cores": foreign / (time.monotonic() - began),
    }
