"""A topic, a Deployment with its consumers, and the StreamWorker that scales it, in a namespace of a test."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic
from support.eventually import eventually
from support.kube.cluster import Cluster, Manifest
from support.kube.resources import deployment, stream_worker
from support.worker_pods import WorkerPods

from orderflow_operator.kube import KubeApi, path

Status = dict[str, Any]


@dataclass
class Workload:
    """One consumer group at work; `name` is that of the Deployment, the StreamWorker and the group."""

    cluster: Cluster
    api: KubeApi
    namespace: str
    bootstrap_servers: str
    topic: str
    folder: Path
    name: str = "payments"
    partitions: int = 6
    seconds_per_record: float = 0.005
    replicas: int = 1
    client: dict[str, Any] = field(default_factory=dict)
    pods: WorkerPods = field(init=False, repr=False)

    @property
    def group(self) -> str:
        """The consumer group: no other test has it."""
        return f"{self.topic}-{self.name}"

    @contextmanager
    def running(self, **spec: Any) -> Iterator[Workload]:
        """Create everything, consumers first, so that the operator meets a group at rest."""
        self.create_topic()
        self.cluster.apply(deployment(self.name, self.replicas), namespace=self.namespace)
        wanted = {
            "bootstrap_servers": self.bootstrap_servers,
            "group": self.group,
            "topics": [self.topic],
            "seconds_per_record": self.seconds_per_record,
        }
        with WorkerPods(self.api, self.namespace, self.name, wanted, self.folder) as self.pods:
            eventually(lambda: self.ready == self.replicas, within=30)
            self.apply(**spec)
            yield self

    def create_topic(self) -> None:
        """Create the topic."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_topics([NewTopic(self.topic, self.partitions)])[self.topic].result(20)

    def raise_partitions(self, total: int) -> None:
        """Enlarge the topic as an administrator of Kafka does."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.create_partitions([NewPartitions(self.topic, total)])[self.topic].result(20)

    def apply(self, **spec: Any) -> None:
        """Apply the StreamWorker."""
        self.cluster.apply(self.manifest(**spec), namespace=self.namespace)

    def manifest(self, **spec: Any) -> Manifest:
        """Return the StreamWorker."""
        quick = {
            "kafka": {"bootstrapServers": self.bootstrap_servers},
            "consumerGroup": self.group,
            "topics": [self.topic],
            "lagPerReplica": 300,
            "catchUpSeconds": 5,
            "maxLagSeconds": 2,
            "stabilizationWindowSeconds": 4,
        }
        return stream_worker(self.name, **(quick | spec))

    def patch(self, change: Manifest) -> None:
        """Change the Deployment as a user does."""
        self.cluster.kubectl(
            "patch", "deployment", self.name, "-p", json.dumps(change), namespace=self.namespace
        )

    def scale(self, replicas: int) -> None:
        """Scale the Deployment by hand."""
        self.cluster.kubectl(
            "scale", f"deployment/{self.name}", f"--replicas={replicas}", namespace=self.namespace
        )

    def produce(self, count: int, partition: int | None = None) -> None:
        """Append records, in turn to all partitions or all to one; all at once, for the operator may look."""
        until_flushed = {"linger.ms": 60_000}
        producer = Producer({"bootstrap.servers": self.bootstrap_servers, **until_flushed, **self.client})
        for number in range(count):
            producer.produce(
                self.topic, b"x", partition=number % self.partitions if partition is None else partition
            )
        assert producer.flush(30) == 0

    @property
    def deployed(self) -> Manifest:
        """The Deployment as it is."""
        return self.api.get(path("apps/v1", "deployments", self.namespace, self.name))

    @property
    def size(self) -> int:
        """What the Deployment asks for."""
        return int(self.deployed["spec"]["replicas"])

    @property
    def writes(self) -> int:
        """How often the spec of the Deployment was written since it was made."""
        return int(self.deployed["metadata"]["generation"]) - 1

    @property
    def ready(self) -> int:
        """How many Pods are ready."""
        return int(self.deployed.get("status", {}).get("readyReplicas") or 0)

    @property
    def status(self) -> Status:
        """The StreamWorker's status."""
        at = path("orderflow.dev/v1alpha1", "streamworkers", self.namespace, self.name)
        return dict(self.api.get(at).get("status") or {})

    @property
    def lag(self) -> int:
        """The lag in the status, -1 while it is unknown."""
        return int(self.status.get("lag", -1))

    def condition(self, kind: str) -> tuple[str, str]:
        """Return status and reason of a condition."""
        found = {one["type"]: one for one in self.status.get("conditions", ())}
        return (found[kind]["status"], found[kind]["reason"]) if kind in found else ("", "")

    def reasons_of_events(self) -> list[str]:
        """Return the reasons of the StreamWorker's Events."""
        events = self.api.list(path("v1", "events", self.namespace))
        return [
            one["reason"]
            for one in events
            if (one["involvedObject"]["kind"], one["involvedObject"]["name"]) == ("StreamWorker", self.name)
        ]

    def wait(self, *, size: int, within: float) -> None:
        """Return once the Deployment asks for that many replicas."""

        def reached() -> bool:
            assert self.size == size, f"{self.size} replicas: {self.status.get('message')}"
            return True

        eventually(reached, within=within)

    def wait_decided(self, within: float = 15) -> None:
        """Return once the operator has decided about the present spec."""
        eventually(lambda: "lastDecision" in self.status, within=within)
