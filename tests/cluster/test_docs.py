"""docs/operator.md tells the truth: its manifests are taken, its commands print what it shows."""

import os
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.eventually import eventually
from support.kube.chart import Helm
from support.kube.cluster import Cluster
from support.operator_process import OperatorProcess
from support.pages import ROOT, Block, blocks_of
from support.workload import Workload

PAGE = ROOT / "docs" / "operator.md"
OURS = "orderflow.dev/v1alpha1"

INSTALL = (
    "helm upgrade --install orderflow-operator deploy/helm/orderflow-operator"
    " --namespace orderflow-system --create-namespace"
)
GET = "kubectl get streamworkers"
DESCRIBE = "kubectl describe streamworker payments"
EXPLAIN = "orderflow-operator explain payments -n orderflow"
DOCTOR = "orderflow-operator doctor"


def blocks(language: str) -> list[Block]:
    return [block for block in blocks_of(PAGE) if block.language == language]


def shown(command: str) -> str:
    """Return what the page says that a command prints."""
    (found,) = [printed for block in blocks("console") for each, printed in block.steps if each == command]
    return str(found)


def manifests() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(block.text) for block in blocks("yaml")]
    return [document for document in documents if document.get("apiVersion") == OURS]


@pytest.mark.parametrize("manifest", manifests(), ids=lambda manifest: str(manifest["kind"]))
def test_the_api_server_takes_the_manifests_of_the_page(
    cluster: Cluster, kube_namespace: str, manifest: dict[str, Any]
) -> None:
    manifest["metadata"]["namespace"] = kube_namespace
    cluster.apply(manifest)
    kind, name = str(manifest["kind"]), str(manifest["metadata"]["name"])
    assert cluster.get(kind, name, kube_namespace)["spec"]["kafka"] == manifest["spec"]["kafka"]


def test_the_chart_takes_the_values_of_the_page(helm: Helm) -> None:
    (values,) = [block.text for block in blocks("yaml") if block.text.startswith("# values.yaml")]
    roles = [each for each in helm.render(yaml.safe_load(values)) if each["kind"] == "Role"]
    readable = [
        rule["resourceNames"] for role in roles for rule in role["rules"] if "secrets" in rule["resources"]
    ]
    assert readable == [["orderflow-operator", "orderflow-cluster-ca-cert"]]


def test_the_chart_is_installed_by_the_command_of_the_page(cluster: Cluster, helm: Helm) -> None:
    assert any(INSTALL in block.commands for block in blocks("console"))
    _helm, *arguments = INSTALL.replace("deploy/", f"{ROOT}/deploy/").split()
    where = ("--kubeconfig", str(cluster.kubeconfig), "--kube-context", cluster.context)
    printed = helm(*arguments, *where, "--dry-run=server", "--set", "crds.enabled=false")
    assert "orderflow-operator runs in orderflow-system" in printed


def test_the_commands_print_what_the_page_shows(
    workload: Workload, operators: Callable[..., OperatorProcess], operator_identity: Path
) -> None:
    operators().wait_ready()
    with workload.running(maxReplicas=4):
        workload.wait_decided()
        workload.produce(12_000)
        workload.wait(size=3, within=10)
        eventually(lambda: workload.ready == 3, within=30)
        eventually(lambda: "consumers at" in workload.status["message"], within=20)
        assert said(DESCRIBE, workload, operator_identity)
        for command, rows in (
            (GET, {"payments"}),
            (EXPLAIN, {"now", "seen", "raw"}),
        ):
            printed, promised = said(command, workload, operator_identity), shown(command).splitlines()
            assert printed[0].split() == promised[0].split()
            for lines in (printed, promised):
                assert rows <= {line.split()[0] for line in lines}
        checks = said(DOCTOR, workload, operator_identity)
        assert {line.split()[0] for line in checks} == {"ok"}
        assert len(checks) == len(shown(DOCTOR).splitlines())


def said(command: str, workload: Workload, identity: Path) -> list[str]:
    """Return the lines that a command of the page prints; the page really has it."""
    assert any(command in block.commands for block in blocks("console"))
    return [line for line in run(workload, identity, command).splitlines() if line.strip()]


def run(workload: Workload, identity: Path, command: str) -> str:
    """Run a command of the page against the workload's namespace."""
    program, *arguments = shlex.split(command.replace("-n orderflow", f"-n {workload.namespace}"))
    if program == "kubectl":
        return workload.cluster.kubectl(*arguments, namespace=workload.namespace)
    done = subprocess.run(
        [str(Path(sys.executable).parent / program), *arguments],
        env={**os.environ, "KUBECONFIG": str(identity), "WATCH_NAMESPACES": workload.namespace},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.stdout + done.stderr
