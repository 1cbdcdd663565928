"""What a cluster says of itself, kept as files when a test has failed: nobody can ask it any more then."""

from __future__ import annotations

import subprocess
from pathlib import Path

from support.e2e.system import NAMESPACES
from support.kube.cluster import Cluster, KubectlFailed, Manifest

RESOURCES = "pods,deployments,statefulsets,streamworkers,topicsets"


def keep(cluster: Cluster, folder: Path) -> None:
    """Write states, events and the logs of every container of ours, also of those before, into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for namespace in NAMESPACES:
        own = folder / namespace
        own.mkdir(exist_ok=True)
        _write(own / "resources.yaml", cluster, namespace, "get", RESOURCES, "-o", "yaml")
        _write(own / "events.txt", cluster, namespace, "get", "events", "--sort-by=.lastTimestamp")
        for pod in _pods(cluster, namespace):
            _keep_logs(cluster, own, pod)


def _keep_logs(cluster: Cluster, folder: Path, pod: Manifest) -> None:
    name, namespace = pod["metadata"]["name"], pod["metadata"]["namespace"]
    statuses = pod["status"]
    for each in [*statuses.get("initContainerStatuses", ()), *statuses.get("containerStatuses", ())]:
        which = ("logs", name, "--container", each["name"], "--timestamps")
        _write(folder / f"{name}.{each['name']}.log", cluster, namespace, *which)
        if each["restartCount"]:
            before = folder / f"{name}.{each['name']}.before.log"
            _write(before, cluster, namespace, *which, "--previous")


def _pods(cluster: Cluster, namespace: str) -> list[Manifest]:
    try:
        return cluster.find("pods", namespace)
    except (KubectlFailed, subprocess.TimeoutExpired):
        return []


def _write(file: Path, cluster: Cluster, namespace: str, *command: str) -> None:
    """Keep what a command prints, or why it did not: a cluster in trouble may not answer all of them."""
    try:
        text = cluster.kubectl(*command, namespace=namespace)
    except (KubectlFailed, subprocess.TimeoutExpired) as failed:
        text = f"{failed}\n"
    file.write_text(text)
