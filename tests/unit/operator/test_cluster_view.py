"""The view of the cluster: what replaces what, and what a decision reads off it."""

from typing import Any

import pytest

from orderflow_operator.kube import Document
from orderflow_operator.observe_cluster import (
    DEPLOYMENTS,
    HPAS,
    KAFKA_TOPICS,
    SCALED_OBJECTS,
    STREAM_WORKERS,
    ClusterView,
    Rivals,
    is_rolling_out,
    replicas_of,
    unready_topics,
)


def an_object(name: str, version: int = 1, generation: int = 1, **parts: Any) -> Document:
    metadata = {
        "name": name,
        "namespace": "shop",
        "uid": name,
        "resourceVersion": str(version),
        "generation": generation,
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    return {"metadata": metadata | parts.pop("metadata", {}), "spec": {}, **parts}


def a_worker(name: str, target: str = "payments", created: str = "2026-01-01T00:00:00Z") -> Document:
    spec = {"scaleTargetRef": {"name": target}}
    return an_object(name, spec=spec, metadata={"creationTimestamp": created})


def a_deployment(replicas: int | None = 3, /, **status: int) -> Document:
    there = {"observedGeneration": 1, "replicas": 3, "updatedReplicas": 3, "readyReplicas": 3}
    return an_object("payments", spec={"replicas": replicas}, status=there | status)


def an_autoscaler(name: str, target: str, kind: str = "Deployment") -> Document:
    return an_object(name, spec={"scaleTargetRef": {"kind": kind, "name": target}})


def test_an_older_state_never_replaces_a_newer_one() -> None:
    view = ClusterView()
    view.put(DEPLOYMENTS, an_object("payments", version=10, spec={"replicas": 5}))
    view.put(DEPLOYMENTS, an_object("payments", version=9, spec={"replicas": 2}))
    found = view.get(DEPLOYMENTS, ("shop", "payments"))
    assert found is not None
    assert replicas_of(found) == 5


def test_an_object_made_again_replaces_the_one_before_it() -> None:
    view = ClusterView()
    view.put(DEPLOYMENTS, an_object("payments", version=10))
    again = an_object("payments", version=9, spec={"replicas": 2}, metadata={"uid": "other"})
    view.put(DEPLOYMENTS, again)
    found = view.get(DEPLOYMENTS, ("shop", "payments"))
    assert found is not None
    assert replicas_of(found) == 2


def test_only_a_new_spec_is_news() -> None:
    view = ClusterView()
    assert view.put(STREAM_WORKERS, an_object("payments", version=1))
    assert not view.put(STREAM_WORKERS, an_object("payments", version=2))
    assert view.put(STREAM_WORKERS, an_object("payments", version=3, generation=2))


def test_what_a_list_lacks_is_gone() -> None:
    view = ClusterView()
    view.put(DEPLOYMENTS, an_object("payments"))
    view.put(DEPLOYMENTS, an_object("orders"))
    view.replace(DEPLOYMENTS, [an_object("orders")])
    assert list(view.all(DEPLOYMENTS)) == [("shop", "orders")]


def test_a_deployment_without_replicas_asks_for_one() -> None:
    assert replicas_of(a_deployment(None)) == 1
    assert replicas_of(a_deployment(0)) == 0


@pytest.mark.parametrize(
    ("status", "rolling"),
    [
        pytest.param({}, False, id="all pods are of the present template"),
        pytest.param({"replicas": 5, "updatedReplicas": 2}, True, id="a surge with old pods left"),
        pytest.param(
            {"replicas": 8, "updatedReplicas": 8, "readyReplicas": 3}, False, id="a scale-up under way"
        ),
        pytest.param({"observedGeneration": 0}, True, id="a change that nobody has acted on yet"),
        pytest.param({"replicas": 0, "updatedReplicas": 0}, False, id="nothing runs"),
    ],
)
def test_a_rollout_is_told_from_a_scale(status: dict[str, int], rolling: bool) -> None:
    assert is_rolling_out(a_deployment(**status)) is rolling


def test_an_hpa_on_the_same_deployment_is_a_conflict() -> None:
    view = ClusterView()
    view.put(HPAS, an_autoscaler("web", "payments"))
    assert Rivals.of(view).conflict(a_worker("payments")) == "HorizontalPodAutoscaler web"


def test_a_scaled_object_is_named_before_the_hpa_that_it_made() -> None:
    view = ClusterView()
    view.put(HPAS, an_autoscaler("keda-hpa-lag", "payments"))
    view.put(SCALED_OBJECTS, an_object("lag", spec={"scaleTargetRef": {"name": "payments"}}))
    assert Rivals.of(view).conflict(a_worker("payments")) == "ScaledObject lag"


def test_an_hpa_on_something_else_is_none() -> None:
    view = ClusterView()
    view.put(HPAS, an_autoscaler("web", "web"))
    view.put(HPAS, an_autoscaler("set", "payments", kind="StatefulSet"))
    view.put(STREAM_WORKERS, a_worker("payments"))
    assert Rivals.of(view).conflict(a_worker("payments")) is None


def test_of_two_workers_on_one_deployment_the_younger_gives_way() -> None:
    view = ClusterView()
    older, younger = (
        a_worker("z", created="2026-01-01T00:00:00Z"),
        a_worker("a", created="2026-01-02T00:00:00Z"),
    )
    view.put(STREAM_WORKERS, older)
    view.put(STREAM_WORKERS, younger)
    assert Rivals.of(view).conflict(older) is None
    assert Rivals.of(view).conflict(younger) == "StreamWorker z"


def a_kafka_topic(ready: str | None, generation: int = 1, observed: int = 1) -> Document:
    conditions = [{"type": "Ready", "status": ready, "message": "no leader"}] if ready else []
    return an_object(
        "orders",
        generation=generation,
        metadata={"labels": {"strimzi.io/cluster": "kafka"}},
        status={"observedGeneration": observed, "conditions": conditions},
    )


@pytest.mark.parametrize(
    ("topic", "said"),
    [
        pytest.param(a_kafka_topic("True"), None, id="ready"),
        pytest.param(a_kafka_topic("False"), "KafkaTopic orders is not Ready: no leader", id="not ready"),
        pytest.param(
            a_kafka_topic("True", generation=2),
            "KafkaTopic orders is not yet seen by the Topic Operator",
            id="ready, but for an older generation",
        ),
    ],
)
def test_a_topic_is_ready_only_at_its_own_generation(topic: Document, said: str | None) -> None:
    view = ClusterView()
    view.put(KAFKA_TOPICS, topic)
    assert unready_topics(view, "shop", "kafka", ["orders"]).get("orders") == said


def test_topics_of_other_clusters_are_none_of_ours() -> None:
    view = ClusterView()
    view.put(KAFKA_TOPICS, a_kafka_topic("False"))
    assert unready_topics(view, "shop", "another", ["orders"]) == {}
    assert unready_topics(view, "elsewhere", "kafka", ["orders"]) == {}
    assert unready_topics(view, "shop", "kafka", ["payments"]) == {}
