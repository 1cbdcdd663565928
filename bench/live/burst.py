"""The burst of the KEDA measurement: 12 partitions, 10 ms a record, 50 a second; 20,000 at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise

from confluent_kafka import Producer
from support.workload import Workload

from bench.live.stage import LiveStage
from bench.results import Figures
from orderflow_lag.observation import Subscription
from orderflow_lag.read import LagReader
from orderflow_lag.truth import group_lag

PARTITIONS, SECONDS_PER_RECORD, STEADY_RATE, BURST = 12, 0.01, 50, 20_000
STEADY_SECONDS = 60.0
LONGEST = 240.0
LOOK_EVERY = 0.25
DRAINED = STEADY_RATE  # records: a second of arrivals is nobody's backlog


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at one moment; `at` in seconds after the burst."""

    at: float
    replicas: int
    ready: int
    lag: int


@dataclass
class Feed:
    """Produces `STEADY_RATE` records a second to all partitions in turn, from a thread."""

    bootstrap_servers: str
    topic: str
    _stopped: threading.Event = field(default_factory=threading.Event)
    _number: int = 0

    def __post_init__(self) -> None:
        self._producer = Producer({"bootstrap.servers": self.bootstrap_servers, "linger.ms": 5})
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, everything delivered."""
        self._stopped.set()
        self._thread.join()
        self._producer.flush(10)

    def burst(self, count: int) -> None:
        """Append many at once."""
        for _ in range(count):
            self._one()
        self._producer.flush(30)

    def _one(self) -> None:
        self._number += 1
        self._producer.produce(self.topic, b"x", partition=self._number % PARTITIONS)
        if self._number % 1000 == 0:
            self._producer.poll(0)

    def _run(self) -> None:
        began, sent = time.monotonic(), 0
        while not self._stopped.wait(0.02):
            due = int((time.monotonic() - began) * STEADY_RATE)
            for _ in range(due - sent):
                self._one()
            sent = max(sent, due)
            self._producer.poll(0)


def measure(stage: LiveStage, number: int) -> Figures:
    """Run the trace once and return what the operator did."""
    topic = f"burst{number}"
    with stage.cluster.namespace("burst") as namespace:
        workload = Workload(
            stage.cluster, stage.cluster.api(), namespace, stage.bootstrap_servers, topic, stage.folder
        )
        workload.partitions, workload.seconds_per_record = PARTITIONS, SECONDS_PER_RECORD
        spec = {
            "maxReplicas": PARTITIONS,
            "stabilizationWindowSeconds": 60,
            # The defaults of a StreamWorker, which the tests' workload has quicker.
            "lagPerReplica": 1000,
            "catchUpSeconds": 60,
            "maxLagSeconds": 30,
        }
        with stage.operator(namespace), workload.running(**spec), _feeding(stage, topic) as feed:
            workload.wait_decided(within=30)
            time.sleep(STEADY_SECONDS)
            steady_writes = workload.writes
            feed.burst(BURST)
            return _figures(list(_looks(workload, stage.bootstrap_servers)), steady_writes)


@contextmanager
def _feeding(stage: LiveStage, topic: str) -> Iterator[Feed]:
    feed = Feed(stage.bootstrap_servers, topic)
    feed.start()
    try:
        yield feed
    finally:
        feed.stop()


def _looks(workload: Workload, bootstrap_servers: str) -> Iterator[Look]:
    """Yield what is seen until the workload is back at one replica, grown and drained before."""
    wanted = Subscription(workload.group, frozenset({workload.topic}))
    began, grown = time.monotonic(), False
    with LagReader({"bootstrap.servers": bootstrap_servers}, tail_limit=0) as reader:
        while (at := time.monotonic() - began) < LONGEST:
            lag = group_lag(reader.read([wanted]), wanted).total
            look = Look(at, workload.size, workload.ready, -1 if lag is None else lag)
            yield look
            grown = grown or look.replicas > 1
            if grown and look.replicas == 1:
                return
            time.sleep(LOOK_EVERY)


def _figures(looks: list[Look], steady_writes: int) -> Figures:
    changes = [
        (after.at, before.replicas, after.replicas)
        for before, after in pairwise(looks)
        if before.replicas != after.replicas
    ]
    ups = [at for at, before, after in changes if after > before]
    most = max(look.replicas for look in looks)
    drained = [look.at for look in looks if ups and look.at > ups[0] and 0 <= look.lag <= DRAINED]
    ready = [look.at for look in looks if look.ready == most > 1]
    used = sum(before.replicas * (after.at - before.at) for before, after in pairwise(looks))
    return {
        "first_write_s": ups[0] if ups else LONGEST,
        "writes_up": float(len(ups)),
        "most_replicas": float(most),
        "ready_s": ready[0] if ready else LONGEST,
        "drained_s": drained[0] if drained else LONGEST,
        "back_at_one_s": looks[-1].at,
        "replica_seconds": used,
        "writes_before": float(steady_writes),
    }
