"""An empty cluster, one command of skaffold, and an order that is paid or declined."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.e2e import installing
from support.e2e.system import NAMESPACES, OPERATOR, SERVICES, System
from support.eventually import eventually
from support.kube.chart import SERVICES_CHART, Helm

Record = Callable[[str, object], None]


def test_one_command_makes_an_empty_cluster_take_orders(system: System, helm_3: Helm, record: Record) -> None:
    installing.empty(system)
    begun = time.monotonic()
    installing.by_skaffold(system)
    record("skaffold run, images and all (s)", time.monotonic() - begun)
    begun = time.monotonic()
    own = replace(helm_3, release="orderflow", namespace=SERVICES, chart=SERVICES_CHART)
    said = own.test(system.cluster)
    record("helm test (s)", time.monotonic() - begun)
    assert "is PAID" in said or "is DECLINED" in said
    assert "tells it: " in said
    assert system.verdict(wait=60)["accepted"] == 1


def test_skaffold_verify_places_an_order_too(without_strimzi: System) -> None:
    before = without_strimzi.verdict()["accepted"]
    built = without_strimzi.cluster.folder / "build.json"
    run, profile = without_strimzi.kind.run, ("--profile", "airgap")
    run("skaffold", "build", *profile, "--file-output", str(built), within=600)
    # It takes no context by name; the kubeconfig has but one.
    run("skaffold", "verify", *profile, "--build-artifacts", str(built), within=300)
    assert without_strimzi.verdict(wait=60)["accepted"] == before + 1


@pytest.mark.parametrize("profiles", ["kind", "kind,dev", "airgap", "airgap,dev", "kind,elk,observability"])
def test_skaffold_understands_all_of_its_profiles_together(profiles: str, system: System) -> None:
    said = system.kind.run("skaffold", "diagnose", "--yaml-only", "--profile", profiles)
    assert said.count("kind: Config") == 6


def test_skaffold_renders_what_shows_metrics_and_logs_beside_the_services(
    system: System, tmp_path: Path
) -> None:
    profiles, rendered = ("--profile", "airgap,elk,observability"), tmp_path / "rendered.yaml"
    # Nothing is built, pulled or deployed for it.
    alone = ("--offline=true", "--digest-source=none", "--output", str(rendered))
    system.kind.run("skaffold", "render", *profiles, *alone)
    found = {
        (one["kind"], one["metadata"]["name"]) for one in yaml.safe_load_all(rendered.read_text()) if one
    }
    assert found >= {
        ("DaemonSet", "fluent-bit"),
        ("StatefulSet", "elasticsearch"),
        ("Deployment", "kibana"),
        ("Deployment", "prometheus"),
        ("Deployment", "grafana"),
        ("Deployment", "orderflow-orders"),
        ("Deployment", "orderflow-analytics"),
        ("Deployment", "orderflow-operator"),
    }


def test_the_api_answers_questions_from_the_log_the_groups_and_the_operator(without_strimzi: System) -> None:
    def told(where: str) -> Any:
        code = (
            f"import urllib.request as r; print(r.urlopen('http://orderflow-orders{where}').read().decode())"
        )
        command = ("exec", "deployment/orderflow-tools", "--", "python", "-c", code)
        return json.loads(without_strimzi.cluster.kubectl(*command, namespace=SERVICES))

    accepted = without_strimzi.verdict(wait=60)["accepted"]
    eventually(lambda: sum(told("/stats/payments")["orders"].values()) == accepted, within=60, every=1)
    groups = {each["group"]: each["problems"] for each in told("/metrics/lag")["groups"]}
    assert groups == {"payment-service": [], "notification-service": [], "analytics": []}
    scaled = {each["name"] for each in told("/workers")["workers"]}
    assert scaled == {"orderflow-payments", "orderflow-notifications"}


def test_doctor_finds_nothing_to_mend(without_strimzi: System) -> None:
    command = ("exec", "deployment/orderflow-operator", "--", "orderflow-operator", "doctor")
    said = without_strimzi.cluster.kubectl(*command, namespace=OPERATOR)
    assert [line for line in said.splitlines() if not line.startswith("ok")] == []


@pytest.mark.parametrize("namespace", NAMESPACES)
def test_pods_that_may_do_more_than_they_need_are_refused(namespace: str, without_strimzi: System) -> None:
    cluster = without_strimzi.cluster
    labels = cluster.get("namespace", namespace)["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "restricted"
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "root", "image": "orderflow:none"}]},
    }
    assert 'violates PodSecurity "restricted' in cluster.refusal(pod, namespace=namespace)


def test_every_container_runs_as_a_number_and_writes_nowhere_but_to_tmp(without_strimzi: System) -> None:
    pods = [pod for name in NAMESPACES for pod in without_strimzi.cluster.find("pods", name)]
    assert len(pods) >= 5
    for pod in pods:
        for container in pod["spec"]["containers"]:
            assert container["securityContext"]["readOnlyRootFilesystem"], pod["metadata"]["name"]
    who = without_strimzi.cluster.kubectl(
        "exec", "deployment/orderflow-payments", "--", "id", "-u", namespace=SERVICES
    )
    assert who.strip() == "10001"
