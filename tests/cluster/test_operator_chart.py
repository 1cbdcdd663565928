"""The operator's chart: what it makes of its values, installed, upgraded and removed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from support.eventually import eventually
from support.kube.chart import CHART, Helm, HelmFailed, Values, container, kinds, one, sample
from support.kube.chart_cases import OPERATOR, OPERATOR_BARE, OPERATOR_EVERYTHING
from support.kube.cluster import Cluster, KubectlFailed, Manifest
from support.kube.resources import stream_worker

from deploy.helm.values.operator_chart import values_schema
from orderflow_operator.settings import OperatorSettings
from orderflow_process.settings import load

KIND = "streamworkers.orderflow.dev"


@pytest.fixture(scope="module")
def usual(helm: Helm) -> list[Manifest]:
    """What the chart makes by default."""
    return helm.render()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        pytest.param({"image": {"tag": "latest"}}, "'not' failed", id="an image that changes under us"),
        pytest.param({"config": {"healthPort": 1}}, "additional properties", id="a port the probes miss"),
        pytest.param({"config": {"instanceName": "x"}}, "additional properties", id="one name for all pods"),
        pytest.param({"secrets": {"orderflow": []}}, "minItems", id="no name of a Secret"),
        pytest.param({"watchNamespaces": ["Orders"]}, "does not match pattern", id="no namespace"),
        pytest.param({"networkPolicy": {"kafkaPorts": []}}, "minItems", id="no way to Kafka"),
        pytest.param(
            {"serviceAccount": {"create": False}}, "serviceAccount.name is required", id="no account"
        ),
        pytest.param(
            {"service": {"enabled": False}, "monitoring": {"kind": "ServiceMonitor"}},
            "set service.enabled",
            id="a monitor of no Service",
        ),
    ],
)
def test_values_that_would_not_work_are_refused(values: Values, said: str, helm: Helm) -> None:
    with pytest.raises(HelmFailed, match=said):
        helm.render(values)


def test_every_setting_can_be_given_or_is_given_by_the_chart(
    helm: Helm, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = values_schema()["properties"]["config"]["properties"]
    # Others must be below this one.
    given = {name: sample(each) for name, each in known.items()} | {"leaseSeconds": 300}

    deployment = one(helm.render({"config": given}), "Deployment", helm.release)
    environment = {entry["name"]: entry.get("value", "x") for entry in container(deployment)["env"]}

    # Where the API server is, a pod knows by itself; the port is that of the probes.
    elsewhere = {"KUBECONFIG", "KUBE_CONTEXT", "HEALTH_PORT"}
    assert set(environment) | elsewhere == {name.upper() for name in OperatorSettings.model_fields}
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    loaded = load(OperatorSettings).model_dump()
    for name, value in given.items():
        field = next(each for each in loaded if each.replace("_", "") == name.lower())
        assert loaded[field] == value, name


def test_large_numbers_stay_whole(helm: Helm) -> None:
    rendered = helm.render({"config": {"secretRefreshSeconds": 3600.0, "pollIntervalSeconds": 0.5}})
    environment = container(one(rendered, "Deployment", helm.release))["env"]
    assert {"name": "SECRET_REFRESH_SECONDS", "value": "3600"} in environment
    assert {"name": "POLL_INTERVAL_SECONDS", "value": "0.5"} in environment


def test_probes_and_the_service_lead_to_the_port_of_health_and_metrics(usual: list[Manifest]) -> None:
    operator = container(one(usual, "Deployment", "orderflow-operator"))
    assert operator["ports"] == [
        {"name": "metrics", "containerPort": OperatorSettings.model_fields["health_port"].default}
    ]
    paths = {
        probe: operator[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")
    }
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    (service,) = kinds(usual, "Service")
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 9100, "targetPort": "metrics"}]


def test_only_replicas_that_can_stand_in_for_another_get_a_budget(helm: Helm) -> None:
    (budget,) = kinds(helm.render(), "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    selector = one(helm.render(), "Deployment", helm.release)["spec"]["selector"]
    assert budget["spec"]["selector"] == selector
    assert kinds(helm.render({"replicas": 1}), "PodDisruptionBudget") == []
    assert kinds(helm.render({"podDisruptionBudget": {"enabled": False}}), "PodDisruptionBudget") == []


def test_the_network_is_closed_but_for_what_is_needed(usual: list[Manifest], helm: Helm) -> None:
    def policy(rendered: list[Manifest]) -> Manifest:
        (found,) = kinds(rendered, "NetworkPolicy")
        spec: Manifest = found["spec"]
        return spec

    def ports(spec: Manifest) -> list[list[int]]:
        return [[entry["port"] for entry in rule["ports"]] for rule in spec["egress"]]

    closed = policy(usual)
    orders = {"app.kubernetes.io/name": "orderflow", "app.kubernetes.io/component": "orders"}
    asking = {"namespaceSelector": {}, "podSelector": {"matchLabels": orders}}
    assert closed["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}], "from": [asking]}]
    assert "ingress" not in policy(helm.render({"networkPolicy": {"decisionsFrom": []}}))
    assert ports(closed) == [[53, 53], [443, 6443], [9092, 9093, 9094]]
    assert ["to" in rule for rule in closed["egress"]] == [True, False, False]
    scraped = policy(helm.render({"monitoring": {"kind": "PodMonitor"}}))
    assert scraped["ingress"] == [{"ports": [{"port": "metrics", "protocol": "TCP"}]}]
    narrow = policy(helm.render(OPERATOR_EVERYTHING))
    assert ports(narrow) == [[53, 53], [443, 6443], [9093], [8080]]
    assert ["to" in rule for rule in narrow["egress"]] == [True, True, True, False]
    assert narrow["ingress"][0]["from"] == [{"podSelector": {"matchLabels": {"app": "prometheus"}}}, asking]
    assert kinds(helm.render(OPERATOR_BARE), "NetworkPolicy") == []


def test_the_name_says_that_it_is_the_operator(helm: Helm) -> None:
    def names(release: str, **values: Any) -> set[str]:
        rendered = replace(helm, release=release).render(values)
        return {each["metadata"]["name"] for each in rendered if each["kind"] in ("Deployment", "Service")}

    assert names("orderflow-operator") == {"orderflow-operator"}
    assert names("shop") == {"shop-operator"}
    assert names("shop", fullnameOverride="scaler") == {"scaler"}
    assert max(len(name) for name in names("s" * 53)) <= 63


def test_the_notes_say_what_this_operator_sees_and_may_read(cluster: Cluster, helm: Helm) -> None:
    def notes(values: Values) -> str:
        said = helm(
            "install", "dry", str(CHART), "--dry-run=client", values={"crds": {"enabled": False}, **values}
        )
        return said.partition("NOTES:")[2]

    usual = notes({})
    assert "dry-operator runs in default with 2 replicas; one of them writes" in usual
    assert "watches all namespaces, and may read no Secrets" in usual
    assert "on port 9092, 9093, 9094 only" in usual
    assert "not part of this release" in usual
    assert not any(word in usual for word in ("Skipped", "goes with it", "No rights", "does not know"))
    told = notes(
        {
            "replicas": 1,
            "watchNamespaces": ["orders", "kafka"],
            "secrets": {"orders": ["operator", "ca"]},
            "crds": {"keep": False},
            "rbac": {"create": False},
            "networkPolicy": {"enabled": False},
            "monitoring": {"kind": "PodMonitor"},
        }
    )
    assert "with 1 replica.\nIt watches orders, kafka, and may read these Secrets:" in told
    assert "orders: operator, ca" in told
    assert "every StreamWorker and TopicSet of the cluster goes with it" in told
    assert "lists those that ServiceAccount dry-operator lacks" in told
    assert "No NetworkPolicy protects it" in told
    assert "Skipped: the cluster does not know PodMonitor" in told
    assert "does not run" in notes({"replicas": 0})


def test_what_the_cluster_lacks_is_said_in_a_sentence(bare_cluster: Cluster, helm: Helm) -> None:
    own = OPERATOR.helm(helm)
    where = ("--kubeconfig", str(bare_cluster.kubeconfig), "--kube-context", bare_cluster.context)

    def notes(values: Values) -> str:
        flags = ("--namespace", "default", "--dry-run=server", *where)
        return own("install", "dry", str(CHART), *flags, values=values).partition("NOTES:")[2]

    said = notes({"crds": {"enabled": False}})
    assert "The cluster does not have them yet: set crds.enabled" in said
    assert "does not know Kafka and KafkaTopic" in said
    assert "does not have them yet" not in notes({})


@pytest.mark.parametrize("version", ["helm", "helm_3"])
def test_crds_that_are_not_to_be_kept_go_with_the_release(
    version: str, request: pytest.FixtureRequest, bare_cluster: Cluster, helm: Helm
) -> None:
    own = replace(helm, program=request.getfixturevalue(version).program)
    own.install(bare_cluster, {"crds": {"keep": False}})
    # Deleted before it is served, a CRD stays for minutes: its finalizer finds no storage to empty.
    eventually(lambda: {"streamworkers", "topicsets"} <= bare_cluster.kinds(), within=30)
    assert bare_cluster.find("streamworkers,topicsets") == []
    own.uninstall(bare_cluster)
    bare_cluster.wait_gone("crd", KIND, within=30)


def test_crds_are_upgraded_with_the_chart_and_outlive_it(
    cluster: Cluster, helm: Helm, kube_namespace: str
) -> None:
    cluster.apply(stream_worker(), namespace=kube_namespace)
    own = replace(helm, release=kube_namespace, namespace=kube_namespace)
    try:
        with _crd_without_its_status(cluster):
            # The CRDs of this cluster were applied by hand.
            own.install(cluster, {}, "--take-ownership", "--force-conflicts", "--server-side=true")
            own.install(cluster, {"replicas": 1})
            assert cluster.get("clusterrole", f"{own.release}-operator")
            versions = cluster.get("crd", "streamworkers.orderflow.dev")["spec"]["versions"]
            assert "status" in versions[0]["schema"]["openAPIV3Schema"]["properties"]
    finally:
        own.uninstall(cluster)
    assert cluster.get("sw", "payments", kube_namespace)["metadata"]["name"] == "payments"
    with pytest.raises(KubectlFailed, match="not found"):
        cluster.get("clusterrole", f"{own.release}-operator")


@contextmanager
def _crd_without_its_status(cluster: Cluster) -> Iterator[None]:
    # As an older chart may have left it.
    crd, pointer = KIND, "/spec/versions/0/schema/openAPIV3Schema/properties/status"
    status = cluster.get("crd", crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "status"
    ]
    patch = ("patch", "crd", crd, "--type=json", "-p")
    cluster.kubectl(*patch, json.dumps([{"op": "remove", "path": pointer}]))
    try:
        yield
    finally:
        cluster.kubectl(*patch, json.dumps([{"op": "add", "path": pointer, "value": status}]))
