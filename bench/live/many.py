"""A thousand StreamWorkers on 50 topics of 12 partitions: how long a poll takes, how much memory that is."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from itertools import pairwise

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.eventually import eventually
from support.kube.resources import deployment, stream_worker
from support.operator_process import OperatorProcess

from bench.live.stage import LiveStage
from bench.results import Figures

WORKERS, TOPICS, PARTITIONS = 1_000, 50, 12
INTERVAL = 5.0  # seconds, the operator's default
WATCHED_SECONDS = 120.0
BOUNDS_WITHIN = 600.0


def measure(stage: LiveStage) -> Figures:
    """Have the operator poll a thousand workers and return what a poll took."""
    topics = [f"many-{number:02}" for number in range(TOPICS)]
    admin = AdminClient({"bootstrap.servers": stage.bootstrap_servers})
    for made in admin.create_topics([NewTopic(topic, PARTITIONS) for topic in topics]).values():
        made.result(60)
    with stage.cluster.namespace("many") as namespace:
        for number in range(WORKERS):
            _commit(stage.bootstrap_servers, f"group-{number}", topics[number % TOPICS])
        manifests = [manifest for number in range(WORKERS) for manifest in _pair(stage, number, topics)]
        for start in range(0, len(manifests), 200):
            stage.cluster.apply(*manifests[start : start + 200], namespace=namespace)
        with stage.operator(namespace) as operator:
            eventually(
                lambda: operator.metric("orderflow_operator_streamworkers") == WORKERS,
                within=BOUNDS_WITHIN,
                every=INTERVAL,
            )
            # The first polls write a thousand statuses; what follows is the daily round.
            eventually(lambda: sum(_buckets(operator).values()) >= 4, within=BOUNDS_WITHIN, every=INTERVAL)
            before, used = _buckets(operator), _processor_seconds(operator.pid)
            time.sleep(WATCHED_SECONDS)
            used = _processor_seconds(operator.pid) - used
            after = _buckets(operator)
            memory = sum(each.memory_info().rss for each in _family(operator.pid)) / 2**20
    polls = {bound: count - before.get(bound, 0) for bound, count in after.items()}
    return {
        "polls": sum(polls.values()),
        "poll_p50_s": quantile(polls, 0.5),
        "poll_p95_s": quantile(polls, 0.95),
        "rss_mib": memory,
        "cores": used / WATCHED_SECONDS,
        "workers": float(WORKERS),
    }


def quantile(counts: dict[float, float], share: float) -> float:
    """Return a quantile of a histogram, `counts` by upper bound: linear within its bucket."""
    wanted, seen, low = share * sum(counts.values()), 0.0, 0.0
    for bound in sorted(counts):
        if counts[bound] and seen + counts[bound] >= wanted:
            return low + (bound - low) * (wanted - seen) / counts[bound]
        seen, low = seen + counts[bound], bound
    return low


def _buckets(operator: OperatorProcess) -> dict[float, float]:
    """Return how many polls took how long, by the upper bound of their bucket in seconds."""
    # Asked for at the beginning and the end only: a page of a thousand workers takes the operator a second.
    found = re.findall(
        r'^orderflow_operator_poll_seconds_bucket\{.*le="([^"]+)".*\} (\S+)$',
        operator.get("/metrics")[1],
        flags=re.MULTILINE,
    )
    bounds, totals = [float(bound) for bound, _ in found], [float(total) for _, total in found]
    return dict(zip(bounds, (b - a for a, b in pairwise([0.0, *totals])), strict=True))


def _commit(bootstrap_servers: str, group: str, topic: str) -> None:
    """Give a group committed offsets, as one that has worked here has them."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap_servers, "group.id": group, "enable.auto.commit": False}
    )
    consumer.commit(
        offsets=[TopicPartition(topic, number, 0) for number in range(PARTITIONS)], asynchronous=False
    )
    consumer.close()


def _pair(stage: LiveStage, number: int, topics: list[str]) -> Iterator[dict[str, object]]:
    name = f"worker-{number:04}"
    yield deployment(name, replicas=0)
    yield stream_worker(
        name,
        kafka={"bootstrapServers": stage.bootstrap_servers},
        topics=[topics[number % TOPICS]],
        consumerGroup=f"group-{number}",
        minReplicas=0,
        # All are new at once here, and would all change their reason at once two minutes later.
        stabilizationWindowSeconds=10,
    )


def _family(pid: int) -> list[psutil.Process]:
    operator = psutil.Process(pid)
    return [operator, *operator.children(recursive=True)]


def _processor_seconds(pid: int) -> float:
    return sum(sum(each.cpu_times()[:2]) for each in _family(pid))
