"""The whole system on the cluster, by skaffold: images built and loaded, Kafka, operator and services."""

import json
import subprocess
from typing import Any

from rich.console import Console

from deploy.kind import debian
from deploy.kind.cluster import Cluster
from deploy.kind.commands import CommandFailed
from orderflow_local.kafka.distribution import cache_dir

NAMESPACES = ("orderflow", "orderflow-system")


def deploy(cluster: Cluster, airgap: bool, console: Console) -> None:
    """Build both images, bring them onto the node and deploy everything; raise CommandFailed."""
    if airgap:
        debian.obtain_python(cluster.engine, console)
    try:
        _run_skaffold(cluster, airgap, console)
    except CommandFailed as failed:
        raise CommandFailed("\n  ".join([str(failed), *_what_waits(cluster)])) from failed


def _run_skaffold(cluster: Cluster, airgap: bool, console: Console) -> None:
    # Neither a repository of images nor anything else of the user's settings goes in here.
    settings = cache_dir() / "skaffold.yaml"
    settings.touch()
    cluster.show(
        "Building, loading and deploying",
        "skaffold",
        *("run", "--kube-context", cluster.context, "--config", str(settings)),
        *("--update-check=false", "--interactive=false", "--color", "0"),
        *(("--profile", "airgap") if airgap else ()),
        console=console,
    )


def follow_logs(cluster: Cluster) -> None:
    """Print the logs of every pod of ours as they come, each line with its pod's name, until interrupted."""
    flags = ("--selector", "app.kubernetes.io/part-of=orderflow", "--all-containers", "--prefix")
    how_much = ("--follow", "--tail", "20", "--max-log-requests", "100")
    followers = [
        subprocess.Popen(
            [
                str(cluster.programs / "kubectl"),
                *("--context", cluster.context, "--namespace", namespace, "logs", *flags, *how_much),
            ],
            env=cluster.environment,
        )
        for namespace in NAMESPACES
    ]
    try:
        for follower in followers:
            follower.wait()
    finally:
        for follower in followers:
            follower.terminate()


def _what_waits(cluster: Cluster) -> list[str]:
    flags = ("--context", cluster.context, "get", "pods", "--all-namespaces", "-o", "json")
    try:
        return not_ready(json.loads(cluster.run("kubectl", *flags))["items"])
    except (CommandFailed, ValueError):
        return []


def not_ready(pods: list[dict[str, Any]]) -> list[str]:
    """Return a sentence on each pod that is not ready, with the reason that the node gives."""
    sentences = []
    for pod in pods:
        name = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
        if pod["status"].get("phase") == "Pending" and "containerStatuses" not in pod["status"]:
            sentences.append(f"{name} is Pending.")
        for container in pod["status"].get("containerStatuses", []):
            state, reason = next(iter(container["state"].items()))
            if not container["ready"] and reason.get("reason") != "Completed":
                why = reason.get("reason", state)
                sentences.append(f"{name}: container {container['name']} is not ready ({why}).")
    return sentences


def announcement(cluster: Cluster) -> str:
    """Return what a newcomer wants to know once the cluster is there."""
    kubectl = f"kubectl --kubeconfig {cluster.kubeconfig} --context {cluster.context}"
    engine = f"\n  Engine      DOCKER_HOST={cluster.engine.host}" if cluster.engine.host else ""
    return f"""
The cluster is ready.
  Context     {cluster.context}
  Kubeconfig  {cluster.kubeconfig}{engine}

  {kubectl} get streamworkers,pods --all-namespaces
  {kubectl} --namespace orderflow port-forward service/orderflow-orders 8000:80
"""
