"""A thousand StreamWorkers on 50 topics of 12 partitions: how long a poll takes, how much memory that is."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from support.eventually import eventually
from support.kube.resources import deployment, stream_worker
from support.operator_process import OperatorProcess

from bench.live.stage import LiveStage
from bench.results import Figures

WORKERS, TOPICS, PARTITIONS = 1_000, 50, 12
POLLS = 12
INTERVAL = 5.0  # seconds, the operator's default
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
            name = "orderflow_operator_poll_seconds"
            eventually(
                lambda: operator.metric("orderflow_operator_streamworkers") == WORKERS,
                within=BOUNDS_WITHIN,
                every=INTERVAL,
            )
            # The first polls write a thousand statuses; what follows is the daily round.
            began = operator.metric(f"{name}_count")
            eventually(
                lambda: operator.metric(f"{name}_count") >= began + 3, within=BOUNDS_WITHIN, every=INTERVAL
            )
            polls = list(_polls(operator, name))
            memory = sum(each.memory_info().rss for each in _family(operator.pid)) / 2**20
            before = _processor_seconds(operator.pid)
            time.sleep(30)
            used = _processor_seconds(operator.pid) - before
    ordered = sorted(polls)
    return {
        "poll_p50_s": ordered[len(ordered) // 2],
        "poll_p95_s": ordered[int(len(ordered) * 0.95)],
        "rss_mib": memory,
        "cores": used / 30,
        "workers": float(WORKERS),
    }


def _polls(operator: OperatorProcess, name: str) -> Iterator[float]:
    count, total = operator.metric(f"{name}_count"), operator.metric(f"{name}_sum")
    seen = 0
    while seen < POLLS:
        # A page of a thousand workers costs the operator a while itself, so it is not asked for often.
        time.sleep(INTERVAL)
        now, sum_now = operator.metric(f"{name}_count"), operator.metric(f"{name}_sum")
        if now > count:
            yield from [(sum_now - total) / (now - count)] * int(now - count)
            seen += int(now - count)
            count, total = now, sum_now


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
