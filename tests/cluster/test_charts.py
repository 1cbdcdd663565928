"""What holds for each of our charts: clean, the same by every helm, strict, documented, a good subchart."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.kube.chart import Helm, HelmFailed, Values, container, kinds
from support.kube.chart_cases import CASES, FOREIGN, MONITORED, MONITORING, ChartCase
from support.kube.cluster import Cluster, Manifest, documents
from support.kube.foreign_crds import foreign_crds

from deploy.helm.values.__main__ import documents as generated_files
from deploy.helm.values.__main__ import paths_of
from deploy.kind.parts import PartUnavailable

STRIMZI = Path(__file__).parents[2] / "deploy" / "strimzi"
GOLDEN = Path(__file__).with_name("golden")
ASK = ("--server-side", "--force-conflicts", "--dry-run=server", "--validate=strict")

each_chart = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.mark.parametrize(
    ("case", "values"),
    [
        pytest.param(case, values, id=f"{case}: {name}")
        for case in CASES
        for name, values in case.variants.items()
    ],
)
def test_a_chart_is_clean_and_the_api_server_takes_all_of_it(
    case: ChartCase, values: Values, cluster: Cluster, helm: Helm
) -> None:
    own = case.helm(helm)
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": case.namespace}})
    own("lint", "--strict", "--quiet", str(case.chart), values=values)
    manifests = [each for each in own.render(values, *MONITORED) if each["kind"] not in FOREIGN]
    cluster.kubectl("apply", *ASK, "-f", "-", stdin=documents(manifests))


@pytest.mark.parametrize("variant", ["everything", "next to nothing"])
@each_chart
def test_helm_3_and_helm_4_make_the_same_of_it(
    case: ChartCase, variant: str, helm: Helm, helm_3: Helm
) -> None:
    older, values = case.helm(helm_3), case.variants[variant]
    assert older.render(values, *MONITORED) == case.helm(helm).render(values, *MONITORED)
    older("lint", "--strict", "--quiet", str(case.chart), values=values)
    with pytest.raises(HelmFailed, match="additional properties 'typo' not allowed"):
        older.render({"image": {"typo": 1}})


@pytest.mark.parametrize(
    ("case", "name"), [pytest.param(case, name, id=name) for case in CASES for name in case.goldens]
)
def test_what_is_rendered_changes_only_on_purpose(case: ChartCase, name: str, helm: Helm) -> None:
    # Where it was on purpose: run this with UPDATE_GOLDEN=1, and read the diff.
    file, rendered = GOLDEN / f"{name}.yaml", case.helm(helm).render(case.goldens[name], *MONITORED)
    if os.environ.get("UPDATE_GOLDEN"):
        file.write_text(yaml.safe_dump_all(rendered, sort_keys=False, width=110))
    assert rendered == list(yaml.safe_load_all(file.read_text()))


@each_chart
def test_every_misspelt_value_is_refused(case: ChartCase, helm: Helm) -> None:
    known = [path for path in paths_of(case.schema) if path[0] != "global"]
    misspelt: dict[str, Any] = {}
    for path in known:
        section = misspelt
        for key in path[:-1]:
            section = section.setdefault(key, {})
        section[f"{path[-1]}x"] = True

    with pytest.raises(HelmFailed) as refused:
        case.helm(helm).render(misspelt)

    said = {line.strip().partition(":")[0]: line for line in str(refused.value).splitlines()}
    assert len(known) > 60
    for path in known:
        where = "- at '" + "".join(f"/{key}" for key in path[:-1]) + "'"
        assert f"'{path[-1]}x'" in said[where], path


def test_schemas_and_readmes_are_as_the_values_say() -> None:
    outdated = [str(file) for file, text in generated_files().items() if file.read_text() != text]
    assert outdated == [], "run python -m deploy.helm.values --write"


@each_chart
def test_every_value_is_documented_and_every_default_allowed(case: ChartCase, helm: Helm) -> None:
    readme = (case.chart / "README.md").read_text()
    assert [path for path in paths_of(case.schema) if f"{'.'.join(path)}" not in readme] == []
    assert [path for path, schema in leaves(case.schema) if not schema.get("description")] == []
    defaults = yaml.safe_load((case.chart / "values.yaml").read_text())
    case.helm(helm).render({**defaults, **case.given})


@each_chart
def test_the_chart_is_a_subchart_of_others(case: ChartCase, helm: Helm, tmp_path: Path) -> None:
    parent, name = tmp_path / "shop", case.chart.name
    shutil.copytree(case.chart, parent / "charts" / name)
    (parent / "Chart.yaml").write_text(
        json.dumps(
            {
                "apiVersion": "v2",
                "name": "shop",
                "version": "1.0.0",
                "dependencies": [{"name": name, "version": "0.1.0", "condition": f"{name}.enabled"}],
            }
        )
    )
    shared = {"imageRegistry": "registry.example", "storageClass": "fast", "imagePullSecrets": ["pull"]}
    own = replace(helm, release="shop", namespace="shop", chart=parent)
    values = {**case.given, "enabled": True, "podLabels": {"team": "shop"}}

    rendered = own.render({"global": shared, name: values})

    for deployment in kinds(rendered, "Deployment"):
        assert deployment["metadata"]["name"].startswith("shop-")
        assert container(deployment)["image"] == case.image
        pod = deployment["spec"]["template"]
        assert pod["spec"]["imagePullSecrets"] == [{"name": "pull"}]
        assert pod["metadata"]["labels"]["team"] == "shop"
    assert kinds(rendered, "Deployment")
    assert own.render({"global": shared, name: {"enabled": False}}) == []


@each_chart
def test_a_new_version_of_the_chart_alone_starts_no_pod_again(
    case: ChartCase, helm: Helm, tmp_path: Path
) -> None:
    newer = tmp_path / case.chart.name
    shutil.copytree(case.chart, newer)
    chart = yaml.safe_load((newer / "Chart.yaml").read_text())
    (newer / "Chart.yaml").write_text(json.dumps({**chart, "version": "9.9.9"}))
    own = case.helm(helm)

    def pods(rendered: list[Manifest]) -> list[Manifest]:
        return [each["spec"]["template"] for each in kinds(rendered, "Deployment")]

    before, after = own.render(), replace(own, chart=newer).render()
    assert pods(after) == pods(before) != []
    assert {each["metadata"]["labels"]["helm.sh/chart"] for each in after} == {f"{case}-9.9.9"}


@each_chart
def test_no_label_of_a_user_takes_a_pod_from_its_workload(case: ChartCase, helm: Helm) -> None:
    taken = {"app.kubernetes.io/name": "other", "app.kubernetes.io/instance": "other"}
    for each in kinds(case.helm(helm).render({"podLabels": taken}), "Deployment"):
        labels = each["spec"]["template"]["metadata"]["labels"]
        assert each["spec"]["selector"]["matchLabels"].items() <= labels.items()


@each_chart
def test_the_pods_are_allowed_where_restrictions_are_enforced(
    case: ChartCase, cluster: Cluster, kube_namespace: str, helm: Helm
) -> None:
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    rendered = case.helm(helm).render(case.variants["everything"], *MONITORED)
    pods = [each["spec"]["template"] for each in kinds(rendered, "Deployment")] + kinds(rendered, "Pod")
    for number, pod in enumerate(pods):
        spec = {**pod["spec"], "serviceAccountName": "default"}
        metadata = {"name": f"pod-{number}", "labels": pod["metadata"]["labels"]}
        allowed = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        cluster.kubectl(
            "create", "--dry-run=server", "-f", "-", namespace=kube_namespace, stdin=json.dumps(allowed)
        )
    careless = {**allowed, "spec": {**spec, "securityContext": {}}}
    assert "violates PodSecurity" in cluster.refusal(careless, namespace=kube_namespace)


@each_chart
def test_pods_keep_apart_stay_within_limits_and_say_when_they_are_ill(case: ChartCase, helm: Helm) -> None:
    for each in kinds(case.helm(helm).render(), "Deployment"):
        selector, pod = each["spec"]["selector"]["matchLabels"], each["spec"]["template"]["spec"]
        spread = pod["topologySpreadConstraints"]
        assert [entry["topologyKey"].rpartition("/")[2] for entry in spread] == ["hostname", "zone"]
        assert all(entry["labelSelector"]["matchLabels"] == selector for entry in spread)
        only = container(each)
        assert only["resources"]["requests"].keys() == {"cpu", "memory"}
        assert only["resources"]["limits"].keys() == {"memory"}
        assert all(f"{name}Probe" in only for name in ("startup", "liveness", "readiness"))
        assert each["spec"]["template"]["spec"]["enableServiceLinks"] is False


@each_chart
def test_every_pod_is_closed_off_by_a_network_policy(case: ChartCase, helm: Helm) -> None:
    rendered = case.helm(helm).render()
    pods = [each["spec"]["template"] for each in kinds(rendered, "Deployment")] + kinds(rendered, "Pod")
    closing = [
        each["spec"]["podSelector"]["matchLabels"]
        for each in kinds(rendered, "NetworkPolicy")
        if each["spec"]["policyTypes"] == ["Ingress", "Egress"]
    ]
    for pod in pods:
        assert any(selector.items() <= pod["metadata"]["labels"].items() for selector in closing)


@each_chart
def test_monitors_are_made_where_the_cluster_knows_them(case: ChartCase, helm: Helm) -> None:
    own = case.helm(helm)
    rendered = own.render(case.variants["everything"], *MONITORED)
    monitors = kinds(rendered, "ServiceMonitor")
    for monitor in monitors:
        selector = monitor["spec"]["selector"]["matchLabels"]
        (service,) = [
            each
            for each in kinds(rendered, "Service")
            if selector.items() <= each["metadata"]["labels"].items()
        ]
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {port["name"] for port in service["spec"]["ports"]}
        assert monitor["metadata"]["labels"]["release"] == "kube-prometheus-stack"
    assert len(monitors) == len(kinds(rendered, "Deployment"))
    wanted = {"monitoring": {"kind": "PodMonitor"}}
    assert kinds(own.render(wanted), "PodMonitor") == []
    known = own.render(wanted, f"--api-versions={MONITORING}/PodMonitor")
    for monitor in kinds(known, "PodMonitor"):
        selector = monitor["spec"]["selector"]["matchLabels"]
        (target,) = [
            each["spec"]["template"]
            for each in kinds(known, "Deployment")
            if selector.items() <= each["spec"]["template"]["metadata"]["labels"].items()
        ]
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["port"] in {port["name"] for port in target["spec"]["containers"][0]["ports"]}
    assert len(kinds(known, "PodMonitor")) == len(monitors)


@each_chart
def test_dashboards_and_alerts_are_the_files_of_the_chart_where_they_are_wanted(
    case: ChartCase, helm: Helm
) -> None:
    own, files = case.helm(helm), case.chart / "files"
    wanted = {"monitoring": {"dashboards": {"enabled": True}, "rules": {"enabled": True}}}
    rendered = own.render(wanted, *MONITORED)
    found = [
        each for each in kinds(rendered, "ConfigMap") if "grafana_dashboard" in each["metadata"]["labels"]
    ]
    shown = {name: json.loads(text) for each in found for name, text in each["data"].items()}
    assert (
        shown == {file.name: json.loads(file.read_text()) for file in files.glob("dashboards/*.json")} != {}
    )
    (rules,) = kinds(rendered, "PrometheusRule")
    assert rules["spec"] == yaml.safe_load((files / "alerts.yaml").read_text())
    assert kinds(own.render(wanted), "PrometheusRule") == []
    usual = own.render(None, *MONITORED)
    assert not kinds(usual, "PrometheusRule")
    assert not any("grafana_dashboard" in each["metadata"]["labels"] for each in usual)


def test_routes_and_monitors_are_taken_by_a_cluster_that_knows_them(
    bare_cluster: Cluster, helm: Helm, tmp_path: Path
) -> None:
    try:
        files = list(foreign_crds(tmp_path))
    except PartUnavailable as unavailable:
        pytest.skip(str(unavailable))
    bare_cluster.add_crds(*files)
    take = partial(bare_cluster.kubectl, "apply", *ASK, "--namespace=default", "-f", "-")
    try:
        for case in CASES:
            everything = case.helm(helm).render(case.variants["everything"], *MONITORED)
            wanted = {"monitoring": {"kind": "PodMonitor"}}
            pods = case.helm(helm).render(wanted, f"--api-versions={MONITORING}/PodMonitor")
            ours = [each for each in everything if each["kind"] in FOREIGN] + kinds(pods, "PodMonitor")
            assert ours
            for each in ours:
                each["metadata"] |= {"namespace": "default"}
            take(stdin=documents(ours))
        take(stdin=documents(yaml.safe_load_all((STRIMZI / "monitoring.yaml").read_text())))
    finally:
        bare_cluster.remove_crds(*files)


def leaves(schema: Manifest, *above: str) -> Iterator[tuple[str, Manifest]]:
    """Return everything that a schema describes, by its path."""
    for name, each in schema.get("properties", {}).items():
        yield ".".join((*above, name)), each
        yield from leaves(each, *above, name)
