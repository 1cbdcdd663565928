"""The operator's chart: linted, rendered, tried on the API server, installed, upgraded and removed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import yaml
from support.kube.chart import CHART, OPERATOR_NAMESPACE, Helm, HelmFailed, Values
from support.kube.cluster import Cluster, KubectlFailed, Manifest, documents
from support.kube.resources import stream_worker

from orderflow_operator.settings import OperatorSettings

VARIANTS = [
    pytest.param({}, id="as it is"),
    pytest.param({"crds": {"enabled": False}}, id="without CRDs"),
    pytest.param({"crds": {"keep": False}, "rbac": {"aggregate": False}}, id="CRDs go, no roles for people"),
    pytest.param({"secrets": {"default": ["operator", "orderflow-cluster-ca-cert"]}}, id="with Secrets"),
    pytest.param({"watchNamespaces": ["default", "kube-public"]}, id="some namespaces"),
    pytest.param(
        {"rbac": {"create": False}, "serviceAccount": {"create": False, "name": "default"}}, id="own rights"
    ),
    pytest.param(
        {
            "replicas": 1,
            "fullnameOverride": "scaler",
            "global": {"imageRegistry": "registry.example:5000", "anything": True},
            "image": {"tag": "1.2.3", "pullPolicy": "Always"},
            "imagePullSecrets": ["pull"],
            "config": {"pollIntervalSeconds": 2.5, "countMarkers": False, "logLevel": "DEBUG"},
            "serviceAccount": {"annotations": {"example.com/role": "reader"}},
            "podAnnotations": {"example.com/a": "b"},
            "podLabels": {"example.com/team": "orders"},
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "tolerations": [{"key": "spot", "operator": "Exists"}],
            "affinity": {"nodeAffinity": {}},
            "priorityClassName": "system-cluster-critical",
        },
        id="everything else",
    ),
]


@pytest.mark.parametrize("values", VARIANTS)
def test_the_chart_is_clean_and_the_api_server_takes_all_of_it(
    values: Values, cluster: Cluster, helm: Helm, operator_namespace: None
) -> None:
    helm("lint", "--strict", "--quiet", str(CHART), values=values)
    flags = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")
    cluster.kubectl("apply", *flags, "-f", "-", stdin=documents(helm.render(values)))


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"image": {"tag": "latest"}}, id="an image that changes under us"),
        pytest.param({"replicaCount": 2}, id="a typo"),
        pytest.param({"config": {"pollIntervallSeconds": 2}}, id="a typo in a setting"),
        pytest.param({"secrets": {"orderflow": []}}, id="no name of a Secret"),
        pytest.param({"serviceAccount": {"create": False}}, id="no service account"),
    ],
)
def test_values_that_mean_nothing_are_refused(values: Values, helm: Helm) -> None:
    with pytest.raises(
        HelmFailed, match=r"not allowed|'not' failed|minItems|serviceAccount\.name is required"
    ):
        helm.render(values)


def test_every_documented_value_is_in_the_schema_and_every_misspelt_one_is_refused(helm: Helm) -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    for path in _paths({key: value for key, value in values.items() if key != "global"}):
        misspelt: Any = True
        for key in reversed([*path[:-1], f"{path[-1]}x"]):
            misspelt = {key: misspelt}
        with pytest.raises(HelmFailed, match="additional properties"):
            helm.render(misspelt)


def test_every_setting_of_the_operator_can_be_given(helm: Helm) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    described = schema["properties"]["config"]["properties"]
    given = {"pollIntervalSeconds": 1, "logLevel": "INFO", "logFormat": "json", "countMarkers": True}
    values = {name: given.get(name, 30) for name in described}

    environment = {entry["name"] for entry in _container(helm.render({"config": values}))["env"]}

    # Where the API server is, a pod knows by itself; the port is that of the probes.
    elsewhere = {"KUBECONFIG", "KUBE_CONTEXT", "HEALTH_PORT"}
    assert environment | elsewhere == {name.upper() for name in OperatorSettings.model_fields}


def test_the_pods_of_the_operator_are_allowed_where_restrictions_are_enforced(
    cluster: Cluster, helm: Helm, kube_namespace: str
) -> None:
    enforced = "pod-security.kubernetes.io/enforce=restricted"
    cluster.kubectl("label", "namespace", kube_namespace, enforced)
    template = _deployment(helm.render())["spec"]["template"]
    template["spec"] |= {"serviceAccountName": "default"}
    pod = {"apiVersion": "v1", "kind": "Pod", **template}
    pod["metadata"] |= {"name": "operator"}

    cluster.apply(pod, namespace=kube_namespace)
    pod["metadata"]["name"] = "careless"
    del pod["spec"]["containers"][0]["securityContext"]
    assert "violates PodSecurity" in cluster.refusal(pod, namespace=kube_namespace)


def test_probes_and_the_service_lead_to_the_port_of_health_and_metrics(helm: Helm) -> None:
    rendered = helm.render()
    container = _container(rendered)
    assert container["ports"] == [
        {"name": "metrics", "containerPort": OperatorSettings.model_fields["health_port"].default}
    ]
    paths = {
        probe: container[f"{probe}Probe"]["httpGet"]["path"] for probe in ("startup", "liveness", "readiness")
    }
    assert paths == {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
    (service,) = [manifest for manifest in rendered if manifest["kind"] == "Service"]
    assert service["spec"]["ports"] == [{"name": "metrics", "port": 9100, "targetPort": "metrics"}]


def test_the_notes_say_what_this_operator_sees_and_may_read(cluster: Cluster, helm: Helm) -> None:
    def notes(values: Values) -> str:
        said = helm(
            "install", "dry", str(CHART), "--dry-run=client", values={"crds": {"enabled": False}, **values}
        )
        return said.partition("NOTES:")[2]

    assert "watches all namespaces, and may read no Secrets" in notes({})
    told = notes({"watchNamespaces": ["orders", "kafka"], "secrets": {"orders": ["operator", "ca"]}})
    assert "watches orders, kafka, and may read these Secrets:" in told
    assert "orders: operator, ca" in told


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
            versions = cluster.get("crd", "streamworkers.orderflow.dev")["spec"]["versions"]
            assert "status" in versions[0]["schema"]["openAPIV3Schema"]["properties"]
    finally:
        own.uninstall(cluster)
    assert cluster.get("sw", "payments", kube_namespace)["metadata"]["name"] == "payments"
    with pytest.raises(KubectlFailed, match="not found"):
        cluster.get("clusterrole", own.release)


@contextmanager
def _crd_without_its_status(cluster: Cluster) -> Iterator[None]:
    # As an older chart may have left it.
    crd, pointer = "streamworkers.orderflow.dev", "/spec/versions/0/schema/openAPIV3Schema/properties/status"
    status = cluster.get("crd", crd)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"][
        "status"
    ]
    patch = ("patch", "crd", crd, "--type=json", "-p")
    cluster.kubectl(*patch, json.dumps([{"op": "remove", "path": pointer}]))
    try:
        yield
    finally:
        cluster.kubectl(*patch, json.dumps([{"op": "add", "path": pointer, "value": status}]))


@pytest.fixture
def operator_namespace(cluster: Cluster) -> None:
    """The namespace of the operator, which a dry run does not make."""
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": OPERATOR_NAMESPACE}})


def _deployment(rendered: list[Manifest]) -> Manifest:
    (found,) = [manifest for manifest in rendered if manifest["kind"] == "Deployment"]
    return found


def _container(rendered: list[Manifest]) -> Manifest:
    found: Manifest = _deployment(rendered)["spec"]["template"]["spec"]["containers"][0]
    return found


def _paths(values: Manifest, *above: str) -> Iterator[tuple[str, ...]]:
    for key, value in values.items():
        yield *above, key
        if isinstance(value, dict) and key not in ("requests", "limits"):
            yield from _paths(value, *above, key)
