"""The whole system on the cluster, by skaffold: images built and loaded, Kafka, operator and services."""

from rich.console import Console

from deploy.kind import debian
from deploy.kind.cluster import Cluster
from orderflow_local.kafka.distribution import cache_dir


def deploy(cluster: Cluster, airgap: bool, console: Console) -> None:
    """Build both images, bring them onto the node and deploy everything; raise CommandFailed."""
    if airgap:
        debian.obtain_python(cluster.engine, console)
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
