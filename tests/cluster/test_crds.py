"""What the API server takes, completes and refuses of a StreamWorker and a TopicSet, before any operator."""

import json
import re
from typing import Any

import pytest
from support.kube.cluster import Cluster, Manifest
from support.kube.resources import stream_worker, topic_set

from orderflow_operator.kube import path
from orderflow_operator.spec.streamworker import Policy, parse_stream_worker
from orderflow_operator.spec.topicset import parse_topic_set

CLUSTER_REF = {"clusterRef": {"name": "orderflow"}}


def topic(name: str = "orders", partitions: int = 12, **more: Any) -> Manifest:
    return {"name": name, "partitions": partitions, **more}


def test_a_short_stream_worker_is_completed_with_the_defaults_of_the_operator(
    cluster: Cluster, kube_namespace: str
) -> None:
    short = stream_worker()
    del short["spec"]["maxReplicas"]
    cluster.apply(short, namespace=kube_namespace)

    stored = cluster.get("sw", "payments", kube_namespace)["spec"]

    assert parse_stream_worker(stored).policy == Policy()
    assert stored["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "payments"}


def test_a_short_topic_set_is_completed_with_the_defaults_of_the_operator(
    cluster: Cluster, kube_namespace: str
) -> None:
    short = topic_set(topic(), kafka=CLUSTER_REF)
    del short["spec"]["backend"]
    cluster.apply(short, namespace=kube_namespace)
    stored = cluster.get("tset", "topics", kube_namespace)["spec"]
    assert parse_topic_set(stored) == parse_topic_set(short["spec"])


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            {"kafka": {"bootstrapServers": "kafka:9092", **CLUSTER_REF}},
            "spec.kafka: .*set exactly one of clusterRef and bootstrapServers",
            id="two ways to Kafka",
        ),
        pytest.param(
            {"kafka": {}}, "set exactly one of clusterRef and bootstrapServers", id="no way to Kafka"
        ),
        pytest.param(
            {"kafka": {**CLUSTER_REF, "auth": {"type": "Tls"}}},
            "spec.kafka.auth.secretName: .*secretName is required for type Tls",
            id="a login without its Secret",
        ),
        pytest.param(
            {"kafka": {**CLUSTER_REF, "auth": {"secretName": "operator"}}},
            "spec.kafka.auth.type: .*set type to ScramSha512 or Tls",
            id="a Secret for no login",
        ),
        pytest.param(
            {"minReplicas": 5, "maxReplicas": 4},
            "spec.minReplicas: .*minReplicas must not be above maxReplicas",
            id="bounds the wrong way round",
        ),
        pytest.param({"maxReplicas": 0}, "spec.maxReplicas: .*greater than or equal to 1", id="no replicas"),
        pytest.param(
            {"pause": {"mode": "At"}},
            "spec.pause.replicas: .*replicas is required for mode At",
            id="pause at",
        ),
        pytest.param(
            {"pause": {"mode": "Hold", "replicas": 3}},
            "spec.pause.replicas: .*replicas goes with mode At only",
            id="hold at",
        ),
        pytest.param(
            {"pause": {"mode": "Hold", "until": "tomorrow"}}, "spec.pause.until: .*date-time", id="no time"
        ),
        pytest.param({"pause": {"mode": "Stop"}}, 'spec.pause.mode: .*supported values: "Hold"', id="pause"),
        pytest.param(
            {"fallback": {"replicas": 13}},
            "spec.fallback: .*fallback.replicas must not be above maxReplicas",
            id="a fallback beyond the bounds",
        ),
        pytest.param({"topics": []}, "spec.topics: .*at least 1 items", id="no topics"),
        pytest.param({"topics": ["orders", "orders"]}, "spec.topics.*: Duplicate value", id="a topic twice"),
        pytest.param({"utilization": 1.5}, "spec.utilization: .*less than or equal to 1", id="over-used"),
        pytest.param(
            {"scaleTargetRef": {"kind": "StatefulSet", "name": "payments"}},
            'spec.scaleTargetRef.kind: .*supported values: "Deployment"',
            id="another kind of target",
        ),
        pytest.param({"minReplica": 2}, 'unknown field "(spec.)?minReplica"', id="a typo"),
    ],
)
def test_a_stream_worker_that_cannot_work_is_refused(
    spec: Manifest, said: str, cluster: Cluster, kube_namespace: str
) -> None:
    refused = cluster.refusal(stream_worker(**spec), namespace=kube_namespace)
    assert re.search(said, refused), refused


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        pytest.param(
            {"backend": "Strimzi"},
            "spec.kafka: .*backend Strimzi needs kafka.clusterRef",
            id="Strimzi without a Kafka resource",
        ),
        pytest.param(
            {"topics": [topic(), topic()]}, 'Duplicate value: {"name":"orders"}', id="a topic twice"
        ),
        pytest.param(
            {"topics": [topic("not a name")]}, r"spec.topics\[0\].name: .*should match", id="a name"
        ),
        pytest.param(
            {"topics": [topic(partitions=0)]}, r"spec.topics\[0\].partitions: .*equal to 1", id="no partition"
        ),
        pytest.param(
            {"topics": [{"name": "orders"}]},
            # kubectl may have noticed it by itself.
            r'topics\[0\].*(partitions: Required|missing required field "partitions")',
            id="partitions left out",
        ),
        pytest.param(
            {"topics": [topic(f"orders-{number}") for number in range(257)]},
            "spec.topics: .*must have at most 256 items",
            id="too many topics",
        ),
    ],
)
def test_a_topic_set_that_cannot_work_is_refused(
    spec: Manifest, said: str, cluster: Cluster, kube_namespace: str
) -> None:
    refused = cluster.refusal(topic_set(**{"topics": [topic()], **spec}), namespace=kube_namespace)
    assert re.search(said, refused), refused


def test_partitions_are_never_taken_away(cluster: Cluster, kube_namespace: str) -> None:
    cluster.apply(topic_set(topic("orders"), topic("payments", 6)), namespace=kube_namespace)
    # The other order, so that topics are compared by name and not by place.
    fewer = topic_set(topic("payments", 6), topic("orders", 11), topic("audit", 1))
    refused = cluster.refusal(fewer, namespace=kube_namespace)
    assert "spec.topics[1].partitions" in refused
    assert "Kafka cannot take partitions away from topic orders" in refused


@pytest.mark.parametrize("consent", [{"allowRepartition": True}, {"keyed": False}], ids=str)
def test_a_keyed_topic_grows_only_with_consent(
    consent: Manifest, cluster: Cluster, kube_namespace: str
) -> None:
    cluster.apply(topic_set(topic(partitions=12)), namespace=kube_namespace)
    refused = cluster.refusal(topic_set(topic(partitions=24)), namespace=kube_namespace)
    assert "set allowRepartition: true" in refused
    assert "for topic orders" in refused

    cluster.apply(topic_set(topic(partitions=24, **consent)), namespace=kube_namespace)

    stored = cluster.get("topicset", "topics", kube_namespace)["spec"]["topics"]
    assert stored[0]["partitions"] == 24


def test_the_largest_topic_set_is_taken_and_changed(cluster: Cluster, kube_namespace: str) -> None:
    longest = [topic(f"{number:03d}-".ljust(249, "x"), config={"retention.ms": 1}) for number in range(256)]
    # Client-side apply keeps a copy in an annotation, which holds less than this.
    flags = ("apply", "--server-side", "--namespace", kube_namespace, "-f", "-")
    for partitions in (12, 24):
        changed = [{**entry, "partitions": partitions, "allowRepartition": True} for entry in longest]
        cluster.kubectl(*flags, stdin=json.dumps(topic_set(*changed)))
    stored = cluster.get("topicset", "topics", kube_namespace)["spec"]["topics"]
    assert {entry["partitions"] for entry in stored} == {24}


def test_kubectl_get_answers_why_this_many(cluster: Cluster, kube_namespace: str) -> None:
    cluster.apply(stream_worker(), namespace=kube_namespace)
    status = {
        "lag": 20_400,
        "lagSeconds": 51.5,
        "replicas": 1,
        "desiredReplicas": 12,
        "reason": "BacklogAboveCapacity",
    }
    worker = path("orderflow.dev/v1alpha1", "streamworkers", kube_namespace, "payments", "status")
    cluster.api().merge(worker, {"status": status})

    header, row = cluster.kubectl("get", "sw", namespace=kube_namespace).splitlines()

    columns = ["NAME", "TARGET", "LAG", "SECONDS", "REPLICAS", "DESIRED", "REASON", "AGE"]
    assert header.split() == columns
    assert row.split()[:-1] == ["payments", "payments", "20400", "51.5", "1", "12", "BacklogAboveCapacity"]
