"""The chart of the end-to-end tests' Kafka: an API server takes it where restrictions are enforced."""

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
import yaml
from support.kafka_chart import CHART, values
from support.kube.chart import SERVICES_CHART, Helm
from support.kube.cluster import Cluster


@pytest.fixture(params=["helm", "helm_3"])
def kafka(request: pytest.FixtureRequest, cluster: Cluster, kube_namespace: str) -> Iterator[Helm]:
    """The chart, installed into a namespace of its own by one of the two versions of Helm."""
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    helm: Helm = request.getfixturevalue(request.param)
    own = replace(helm, release="kafka", namespace=kube_namespace, chart=CHART)
    own.install(cluster, values())
    yield own
    own.uninstall(cluster)


def test_its_secrets_are_those_that_the_charts_expect_and_outlast_an_upgrade(
    kafka: Helm, cluster: Cluster
) -> None:
    made = _secrets(kafka, cluster)
    named = set(
        yaml.safe_load((SERVICES_CHART / "values.yaml").read_text())["kafka"]["auth"]["users"].values()
    )
    assert named < set(made)
    assert all(set(made[name]) == {"password", "sasl.jaas.config"} for name in named)
    assert set(made["orderflow-cluster-ca-cert"]) == {"ca.crt"}
    kafka.install(cluster, values())
    assert _secrets(kafka, cluster) == made


def test_its_pods_pass_where_restrictions_are_enforced(kafka: Helm, cluster: Cluster) -> None:
    workloads = cluster.find("statefulsets,deployments", kafka.namespace)
    assert {each["metadata"]["name"] for each in workloads} == {
        "orderflow-kafka",
        "orderflow-tools",
        "topic-operator-stand-in",
    }
    for each in workloads:
        template = each["spec"]["template"]
        pod = {"apiVersion": "v1", "kind": "Pod", **template}
        pod["metadata"] |= {"name": each["metadata"]["name"]}
        flags = ("create", "--dry-run=server", "-f", "-")
        cluster.kubectl(*flags, namespace=kafka.namespace, stdin=json.dumps(pod))


def _secrets(kafka: Helm, cluster: Cluster) -> dict[str, dict[str, str]]:
    labels = f"app.kubernetes.io/instance={kafka.release}"
    found = cluster.find("secrets", kafka.namespace, selector=labels)
    return {each["metadata"]["name"]: each["data"] for each in found}
