"""What looks at the system on a cluster: taken by an API server, pinned, and given the files as shipped.

Its images cannot be had from package registries, so nothing of it is run.
"""

import os
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from support.kube.chart import REPOSITORY
from support.kube.cluster import Cluster, Manifest

FOLDER = REPOSITORY / "deploy" / "observability"
NAMESPACE = "orderflow-observability"
FILES = sorted(file.name for file in FOLDER.glob("*.yaml") if file.name != "namespace.yaml")


@pytest.fixture(scope="module")
def own_namespace(cluster: Cluster) -> Iterator[str]:
    """The namespace, and those of the system."""
    cluster.kubectl("apply", "-f", str(FOLDER / "namespace.yaml"))
    cluster.kubectl("apply", "-f", str(REPOSITORY / "deploy" / "skaffold" / "namespaces.yaml"))
    yield NAMESPACE
    cluster.delete("namespace", NAMESPACE, wait=False)


@pytest.mark.parametrize("file", FILES)
@pytest.mark.usefixtures("own_namespace")
def test_the_api_server_takes_all_of_it(file: str, cluster: Cluster) -> None:
    dry = ("--server-side", "--dry-run=server", "--validate=strict")
    taken = cluster.kubectl("apply", *dry, "-f", str(FOLDER / file))
    assert len(taken.splitlines()) == len(documents(file))


@pytest.mark.parametrize("file", FILES)
def test_every_image_is_pinned_and_every_container_is_held_to_limits(file: str) -> None:
    for each in documents(file):
        for container in pod_of(each).get("containers", ()):
            assert re.search(r":v?\d+\.\d+\.\d+$", container["image"])
            assert container["resources"]["limits"]["memory"]
            assert container["securityContext"]["capabilities"]["drop"] == ["ALL"]


def test_what_is_mounted_is_made_of_the_files_that_are_shipped(cluster: Cluster, own_namespace: str) -> None:
    # The program beside the kubectl of the tests, as skaffold's hook finds it.
    env = os.environ | {
        "KUBECONFIG": str(cluster.kubeconfig),
        "PATH": f"{cluster.program.parent}:{os.environ['PATH']}",
    }
    for what in ("metrics", "logs"):
        command = [str(FOLDER / "configmaps.sh"), cluster.context, what]
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=120)
    made = {
        each["metadata"]["name"]: set(each["data"])
        for each in cluster.find("configmaps", own_namespace)
        if each["metadata"]["name"] != "kube-root-ca.crt"
    }
    charts = REPOSITORY / "deploy" / "helm"
    shipped: dict[str, set[str]] = {"elk-files": {"index-template.json", "kibana.ndjson"}}
    for name, chart in (("services", "orderflow"), ("operator", "orderflow-operator")):
        files = charts / chart / "files"
        shipped[f"alerts-{name}"] = {file.name for file in files.glob("alerts.yaml")}
        shipped[f"dashboards-{name}"] = {file.name for file in files.glob("dashboards/*.json")}
    assert made == {name: files for name, files in shipped.items() if files}
    mounted = {
        volume["configMap"]["name"]
        for file in FILES
        for each in documents(file)
        for volume in pod_of(each).get("volumes", ())
        if "configMap" in volume
    }
    named = {each["metadata"]["name"] for file in FILES for each in documents(file) if "data" in each}
    assert mounted - named == set(shipped)


def documents(file: str) -> list[Manifest]:
    return list(yaml.safe_load_all((FOLDER / file).read_text()))


def pod_of(manifest: Manifest) -> dict[str, Any]:
    """Return the spec of the pods that a workload makes; nothing for other kinds."""
    found: dict[str, Any] = manifest.get("spec", {}).get("template", {}).get("spec", {})
    return found
