"""Who is measured: our services and their peers, and how each is started."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from bench.collector import collector_url
from bench.processes import Running, running
from bench.scene import Scene
from bench.toolchain import java_command, quix_python

OURS = "orderflow"
OURS_TWICE = "orderflow x2"
OURS_TRACED = "orderflow, 1 % traced"
OURS_FORGETFUL = "orderflow without window"
OURS_RETRYING = "orderflow, 1 % retried"
OURS_WAITING = "orderflow, one user waits"
QUIX = "quix streams"
QUIX_QUICK = "quix streams 100 ms"
STREAMS = "kafka streams"
STREAMS_TUNED = "kafka streams 10 ms"
BARE = "bare loop"
OUR_API = "orderflow api"
FASTAPI = "fastapi produce"
ANALYTICS = "orderflow analytics"
BARE_INTAKE = "bare intake"


@dataclass(frozen=True, slots=True)
class Contender:
    """A program to measure; `processes` copies of it share the group."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    processes: int = 1

    @contextmanager
    def run(self, scene: Scene) -> Iterator[Running]:
        """Run the processes on a scene."""
        instances = [f"{re.sub('[^a-z0-9]+', '-', self.name)}-{slot}" for slot in range(self.processes)]
        environments = [scene.environment(instance) | dict(self.environment) for instance in instances]
        with running(self.name, self.argv, environments) as contender:
            yield contender


# The simulated gateway answers at once: what is measured is the pipeline, not a sleep.
_GATEWAY = {"PAYMENT_GATEWAY_LATENCY_MS": "0", "PAYMENT_CONCURRENCY": "1"}

# What they import of ours needs nothing but msgspec, which is there.
_OUR_FUNCTIONS = {"PYTHONPATH": "services/src:lag/src"}


def contender(name: str) -> Contender:
    """Return a contender by name; peers are built on first use."""
    payments = (sys.executable, "-m", "orderflow", "run", "payments")
    if name == OURS:
        return Contender(name, payments, _GATEWAY)
    if name == OURS_TWICE:
        return Contender(name, payments, _GATEWAY, processes=2)
    if name == OURS_TRACED:
        return Contender(name, payments, _GATEWAY | {"OTEL_EXPORTER_OTLP_ENDPOINT": collector_url()})
    if name == OURS_FORGETFUL:
        return Contender(name, payments, _GATEWAY | {"PAYMENT_DEDUP_WINDOW": "0"})
    if name == OURS_RETRYING:
        return Contender(name, payments, _GATEWAY | {"PAYMENT_ERROR_RATE": "0.01"})
    if name == OURS_WAITING:
        waits = {"WORKER_MAX_ATTEMPTS": "100", "WORKER_RETRY_SECONDS": "5"}
        return Contender(name, (sys.executable, "-m", "bench.peers.one_user_waits"), _GATEWAY | waits)
    if name == QUIX:
        return Contender(name, (str(quix_python()), "bench/peers/quix_payments.py"), _OUR_FUNCTIONS)
    if name == QUIX_QUICK:
        quick = _OUR_FUNCTIONS | {"COMMIT_SECONDS": "0.1", "LINGER_MS": "0"}
        return Contender(name, (str(quix_python()), "bench/peers/quix_payments.py"), quick)
    if name == STREAMS:
        return Contender(name, java_command())
    if name == STREAMS_TUNED:
        return Contender(name, java_command(), {"COMMIT_INTERVAL_MS": "10", "LINGER_MS": "0"})
    if name == BARE:
        return Contender(name, (sys.executable, "-m", "bench.peers.bare_loop"))
    if name == OUR_API:
        return Contender(name, (sys.executable, "-m", "orderflow", "run", "orders"), {"API_WORKERS": "1"})
    if name == FASTAPI:
        return Contender(name, (sys.executable, "-m", "bench.peers.fastapi_produce"))
    if name == ANALYTICS:
        return Contender(name, (sys.executable, "-m", "orderflow", "run", "analytics"))
    if name == BARE_INTAKE:
        return Contender(name, (sys.executable, "-m", "bench.peers.bare_intake"))
    raise LookupError(f"no contender is named {name!r}")
