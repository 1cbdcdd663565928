"""A TopicSet under test: declared as a user does it, reconciled with the operator's own rights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from support.eventually import eventually
from support.kube.cluster import Cluster

from orderflow_operator.kube import KubeApi, path
from orderflow_operator.topics import BrokerTopic, TopicStatus
from orderflow_operator.topicsets import Outcome, TopicAdmin, TopicSets

Document = dict[str, Any]

STRIMZI_CLUSTER = "my"
_WITHIN = 30.0  # seconds until a topic is as expected


@dataclass
class DeclaredTopics:
    """One TopicSet, a user who applies it and an operator that reconciles it when told to."""

    cluster: Cluster
    api: KubeApi
    namespace: str
    bootstrap_servers: str
    backend: str
    prefix: str
    name: str = "topics"
    may_write: Callable[[], bool] = lambda: True
    kafka: TopicAdmin = field(init=False)

    def __post_init__(self) -> None:
        self.kafka = TopicAdmin.connect({"bootstrap.servers": self.bootstrap_servers})
        self._sets = TopicSets(self.api, lambda: self.may_write())

    def entry(self, topic: str = "orders", partitions: int = 3, **fields: Any) -> Document:
        """Return an entry of spec.topics; topics carry the prefix of the test."""
        return {"name": self.prefix + topic, "partitions": partitions, **fields}

    def manifest(self, *entries: Document, policy: str = "Retain") -> Document:
        """Return the TopicSet with these entries."""
        if self.backend == "Strimzi":
            kafka: Document = {"clusterRef": {"name": STRIMZI_CLUSTER}}
        else:
            kafka = {"bootstrapServers": self.bootstrap_servers}
        return {
            "apiVersion": "orderflow.dev/v1alpha1",
            "kind": "TopicSet",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {
                "kafka": kafka,
                "backend": self.backend,
                "deletionPolicy": policy,
                "topics": list(entries),
            },
        }

    def apply(self, *entries: Document, policy: str = "Retain") -> None:
        """Apply the TopicSet with these entries."""
        self.cluster.apply(self.manifest(*entries, policy=policy))

    def document(self) -> Document:
        """Return the TopicSet as it is."""
        at = path("orderflow.dev/v1alpha1", "topicsets", self.namespace, self.name)
        return self.api.list(at.rpartition("/")[0], fieldSelector=f"metadata.name={self.name}")[0] | {
            "apiVersion": "orderflow.dev/v1alpha1",
            "kind": "TopicSet",
        }

    def reconcile(self, document: Document | None = None) -> Outcome:
        """Make one pass of the operator, over the TopicSet as it is or as a watch showed it."""
        return self._sets.reconcile(document or self.document(), self.kafka, _now())

    def until(
        self,
        state: str,
        reason: str | None = None,
        topic: str = "orders",
        *,
        partitions: int | None = None,
    ) -> TopicStatus:
        """Reconcile until a topic's state, and what else is given, are these; return its status."""

        def reached() -> TopicStatus:
            found = {one.name: one for one in self.reconcile().topics}[self.prefix + topic]
            assert found.state == state, found
            assert reason in (None, found.reason), found
            assert partitions in (None, found.partitions), found
            return found

        return eventually(reached, within=_WITHIN, every=0.1)

    def gone_from_status(self, topic: str = "orders") -> None:
        """Reconcile until the status no longer speaks of a topic."""
        name = self.prefix + topic
        eventually(
            lambda: name not in {one.name for one in self.reconcile().topics}, within=_WITHIN, every=0.1
        )

    def delete(self) -> None:
        """Delete the TopicSet; the operator sees it vanish."""
        last_seen = self.document()
        self.cluster.delete("topicset", self.name, self.namespace)
        self._sets.released(last_seen, self.kafka)

    def sweep(self) -> None:
        """Let the operator release what no TopicSet declares, one step."""
        at = path("orderflow.dev/v1alpha1", "topicsets", self.namespace)
        self._sets.sweep(self.api.list(at))

    def sweep_knowing_nothing(self) -> None:
        """Sweep as an operator whose watch has shown it no TopicSet yet."""
        self._sets.sweep([])

    def kafka_topics(self) -> dict[str, Document]:
        """Return the KafkaTopics of the namespace by name."""
        found = self.cluster.find("kafkatopics", self.namespace)
        return {one["metadata"]["name"]: one for one in found}

    def swept(self) -> None:
        """Sweep until no KafkaTopic is left."""

        def none_left() -> bool:
            self.sweep()
            return not self.kafka_topics()

        eventually(none_left, within=_WITHIN, every=0.1)

    def in_kafka(self, topic: str = "orders") -> BrokerTopic | None:
        """Return a topic as Kafka has it."""
        name = self.prefix + topic
        seen = self.kafka.topics([name], with_config=True)[name]
        assert seen is None or isinstance(seen, BrokerTopic), seen
        return seen

    def partitions(self, topic: str = "orders") -> int | None:
        """Return the partitions that a topic has in Kafka; None when there is no such topic."""
        seen = self.in_kafka(topic)
        return seen.partitions if seen else None

    def create_in_kafka(self, topic: str = "orders", partitions: int = 3) -> None:
        """Create a topic behind everybody's back."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        name = self.prefix + topic
        admin.create_topics([NewTopic(name, partitions, 1)])[name].result(10)
        eventually(lambda: self.partitions(topic) == partitions, within=10)


def by_hand(topics: DeclaredTopics, name: str = "orders", **spec: Any) -> Document:
    """Return a KafkaTopic as a user writes it."""
    return {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "KafkaTopic",
        "metadata": {
            "name": topics.prefix + name,
            "namespace": topics.namespace,
            "labels": {"strimzi.io/cluster": STRIMZI_CLUSTER},
        },
        "spec": spec,
    }


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
