"""TopicSets and the operator as a process: what users see, and what depends on it being alive."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from confluent_kafka import Producer
from support.brokers import RunningBroker
from support.eventually import eventually
from support.kube.cluster import Cluster
from support.kube.resources import deployment, stream_worker
from support.operator_process import OperatorProcess
from support.strimzi_stand_in import TopicOperatorStandIn
from support.topic_sets import STRIMZI_CLUSTER, DeclaredTopics, by_hand

from orderflow_operator.kube import KubeApi

Operators = Callable[..., OperatorProcess]
Topics = Callable[[str], DeclaredTopics]

SOON = 30.0  # seconds; polls are half a second apart


@pytest.fixture
def declared(
    cluster: Cluster, strimzi_crds: None, kube_namespace: str, broker: RunningBroker, namespace: str
) -> Topics:
    """A factory of TopicSets by backend; the operator process reconciles them."""

    def make(backend: str) -> DeclaredTopics:
        api: KubeApi = cluster.api()
        return DeclaredTopics(cluster, api, kube_namespace, broker.bootstrap_servers, backend, namespace)

    return make


@pytest.fixture
def strimzi(
    cluster: Cluster, strimzi_crds: None, kube_namespace: str, broker: RunningBroker
) -> Iterator[TopicOperatorStandIn]:
    """A Kafka resource that says where its listener is, and the stand-in for its Topic Operator."""
    kafka = {
        "apiVersion": "kafka.strimzi.io/v1",
        "kind": "Kafka",
        "metadata": {"name": STRIMZI_CLUSTER, "namespace": kube_namespace},
        "spec": {"kafka": {"listeners": [{"name": "plain", "port": 9092, "type": "internal", "tls": False}]}},
    }
    cluster.apply(kafka)
    status = {"status": {"listeners": [{"name": "plain", "bootstrapServers": broker.bootstrap_servers}]}}
    cluster.kubectl(
        "patch",
        "kafka",
        STRIMZI_CLUSTER,
        "--subresource=status",
        "--type=merge",
        f"--patch={json.dumps(status)}",
        namespace=kube_namespace,
    )
    configuration = cluster.api().configuration
    servers = broker.bootstrap_servers
    with TopicOperatorStandIn(configuration, kube_namespace, STRIMZI_CLUSTER, servers) as running:
        yield running


def ready(topics: DeclaredTopics) -> bool:
    """Tell whether the TopicSet says that all of it is ready, for its present generation."""
    document = topics.document()
    conditions = document.get("status", {}).get("conditions", [])
    return any(
        (one["status"], one["observedGeneration"]) == ("True", document["metadata"]["generation"])
        for one in conditions
    )


def test_a_topicset_becomes_topics_and_goes_with_them(
    declared: Topics, strimzi: object, operators: Operators
) -> None:
    operators().wait_ready()
    topics = declared("Strimzi")
    topics.apply(topics.entry(partitions=3), policy="Delete")
    eventually(lambda: ready(topics), within=SOON)
    assert topics.partitions() == 3
    seen = topics.cluster.kubectl("get", "topicsets", namespace=topics.namespace)
    assert seen.splitlines()[1].split()[:3] == ["topics", "Strimzi", "True"]
    described = topics.cluster.kubectl("describe", "topicset", topics.name, namespace=topics.namespace)
    assert f"topic {topics.prefix}orders is ready with 3 partitions" in described
    topics.cluster.delete("topicset", topics.name, topics.namespace)
    eventually(lambda: topics.partitions() is None and not topics.kafka_topics(), within=SOON)


def test_a_kafka_resource_that_is_not_there_yet_is_told(declared: Topics, operators: Operators) -> None:
    operators().wait_ready()
    topics = declared("Strimzi")
    topics.apply(topics.entry())

    def told() -> bool:
        conditions = topics.document().get("status", {}).get("conditions", [])
        return any(
            f"Kafka {topics.namespace}/{STRIMZI_CLUSTER} not found" in one["message"] for one in conditions
        )

    eventually(told, within=SOON)


def test_partitions_raised_by_kubectl_apply_lift_the_cap_of_the_worker(
    declared: Topics, strimzi: object, operators: Operators
) -> None:
    operator = operators().wait_ready()
    topics = declared("Strimzi")
    topics.apply(topics.entry(partitions=2))
    eventually(lambda: ready(topics), within=SOON)
    topic = f"{topics.prefix}orders"
    producer = Producer({"bootstrap.servers": topics.bootstrap_servers})
    for _ in range(1000):
        producer.produce(topic, b"1")
    assert producer.flush(10) == 0
    kafka = {"clusterRef": {"name": STRIMZI_CLUSTER}}
    worker = stream_worker(
        kafka=kafka, topics=[topic], consumerGroup=topic, minReplicas=0, lagPerReplica=1, dryRun=True
    )
    topics.cluster.apply(deployment(replicas=0), worker, namespace=topics.namespace)
    eventually(lambda: decision(operator).get("wouldBe") == 2, within=SOON)
    topics.cluster.apply(by_hand(topics, partitions=5))
    eventually(lambda: decision(operator).get("wouldBe") == 5, within=SOON)


def test_a_worker_is_not_started_before_its_topic_is_there(
    declared: Topics, strimzi: TopicOperatorStandIn, operators: Operators
) -> None:
    operator = operators().wait_ready()
    strimzi.stop()
    topics = declared("Strimzi")
    topics.apply(topics.entry())
    topic = f"{topics.prefix}orders"
    kafka = {"clusterRef": {"name": STRIMZI_CLUSTER}}
    worker = stream_worker(kafka=kafka, topics=[topic], consumerGroup=topic)
    topics.cluster.apply(deployment(replicas=1), worker, namespace=topics.namespace)
    eventually(lambda: decision(operator).get("reason") == "Blocked", within=SOON)
    strimzi.start()
    eventually(lambda: decision(operator).get("reason") != "Blocked", within=SOON)


@pytest.mark.parametrize(
    ("alive", "left"),
    [
        pytest.param(True, None, id="while the operator runs"),
        pytest.param(False, 3, id="while it does not"),
    ],
)
def test_topics_of_the_admin_backend_are_deleted_only_by_an_operator_that_sees_it(
    declared: Topics, operators: Operators, alive: bool, left: int | None
) -> None:
    operator = operators().wait_ready()
    topics = declared("Admin")
    topics.apply(topics.entry(partitions=3), policy="Delete")
    eventually(lambda: ready(topics), within=SOON)
    if not alive:
        assert operator.stop() == 0
    topics.cluster.delete("topicset", topics.name, topics.namespace)
    if not alive:
        operators().wait_ready()
        other = replace(topics, name="others")
        other.apply(other.entry("payments"))
        eventually(lambda: ready(other), within=SOON)
    eventually(lambda: topics.partitions() == left, within=SOON)


def decision(operator: OperatorProcess) -> dict[str, Any]:
    """Return the last decision about the only worker."""
    found = operator.decisions()
    return dict(found[0]["decision"]) if found else {}
