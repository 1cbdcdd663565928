"""GET /orders/{order_id} and /stats/payments with a million orders in the tables, at a steady rate."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

from bench.api import await_ready
from bench.contenders import Contender
from bench.filled import fill
from bench.processes import ContenderFailed
from bench.results import Figures
from bench.scene import Scene
from bench.stats import percentile
from orderflow_local.net import free_port

RATE = 200  # questions a second
ORDERS = 1_000_000
WARM_SECONDS = 3.0


def paths_of(question: str, order_ids: list[str]) -> list[str]:
    """Return what to ask for: other orders in no order, or the same again."""
    if "{order_id}" not in question:
        return [question]
    shuffled = Random(1).sample(order_ids, len(order_ids))
    return [question.format(order_id=order_id) for order_id in shuffled]


class Tables:
    """A file with tables for all rounds, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tables.db"
        self._order_ids: list[str] = []

    def order_ids(self, advance: Callable[[int], None]) -> list[str]:
        """Return some ids of the orders in the tables."""
        if not self._order_ids:
            self._order_ids = fill(self.file, ORDERS, advance)
        return self._order_ids


def measure(
    scene: Scene,
    contender: Contender,
    question: str,
    tables: Tables,
    seconds: float,
    advance: Callable[[int], None],
) -> Figures:
    """Ask the service the same kind of question `RATE` times a second."""
    paths, port = paths_of(question, tables.order_ids(advance)), free_port()
    ours = {"API_PORT": str(port), "DATABASE_URL": f"sqlite:///{tables.file}"}
    api = replace(contender, environment=dict(contender.environment) | ours)
    with api.run(scene) as running:
        await_ready(running, port)
        before, began = running.cost(scene.stage.broker), time.monotonic()
        load = [sys.executable, "-m", "bench.query_load", *map(str, (port, RATE, WARM_SECONDS, seconds))]
        output = subprocess.run(load, input="\n".join(paths).encode(), check=True, stdout=subprocess.PIPE)
        cost, took = running.cost(scene.stage.broker).since(before), time.monotonic() - began
    seen = json.loads(output.stdout)
    waits = sorted(1000 * wait for wait in seen["waits"])
    if seen["refused"]:
        raise ContenderFailed(f"{running.name} refused {seen['refused']} questions; see {running.log}")
    return {
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "cpu_ms_per_request": 1000 * cost.measured / (RATE * took),
        "foreign_cores": cost.foreign / took,
    }
