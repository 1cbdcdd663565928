"""POST /orders over keep-alive connections: answers a second, and how long each waited."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

from bench.contenders import Contender
from bench.processes import ContenderFailed, Running
from bench.results import Figures
from bench.scene import Scene
from bench.stats import percentile
from orderflow_local.net import free_port

WARM_SECONDS = 2.0


def measure(scene: Scene, contender: Contender, connections: int, seconds: float) -> Figures:
    """Load a service from `connections` connections; refusals count, but not as answers."""
    port = free_port()
    api = replace(contender, environment=dict(contender.environment) | {"API_PORT": str(port)})
    with api.run(scene) as running:
        await_ready(running, port)
        before, began = running.cost(scene.stage.broker), time.monotonic()
        load = [str(port), str(connections), str(WARM_SECONDS), str(seconds)]
        seen: dict[str, Any] = json.loads(_output("bench.http_load", *load))
        cost, took = running.cost(scene.stage.broker).since(before), time.monotonic() - began
    waits = sorted(1000 * wait for wait in seen["waits"])
    if not waits:
        raise ContenderFailed(f"{running.name} accepted no order; see {running.log}")
    return {
        "requests_per_second": len(waits) / seconds,
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "refused": float(seen["refused"]),
        "cpu_ms_per_request": 1000 * cost.measured / len(waits) * seconds / took,
        "foreign_cores": cost.foreign / took,
    }


def measure_bare_round(scene: Scene, size: int, seconds: float) -> Figures:
    """Time bare transactions of `size` orders, one after another."""
    arguments = [scene.stage.bootstrap_servers, scene.prefix, str(size), str(seconds)]
    rounds = sorted(json.loads(_output("bench.peers.bare_round", *arguments)))
    p50 = percentile(rounds, 0.5)
    return {
        "p50_ms": p50,
        "p99_ms": percentile(rounds, 0.99),
        "requests_per_second": 1000 * size * len(rounds) / sum(rounds),
    }


def _output(module: str, *arguments: str) -> bytes:
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], check=True, stdout=subprocess.PIPE
    ).stdout


def await_ready(running: Running, port: int, within: float = 30.0) -> None:
    """Return once the service is ready; raise ContenderFailed if it does not become so."""
    deadline = time.monotonic() + within
    while not _answers(port):
        running.check_alive()
        if time.monotonic() > deadline:
            raise ContenderFailed(f"{running.name} was not ready within {within:.0f} s; see {running.log}")
        time.sleep(0.1)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
