"""What the operator is measured on: a control plane with our chart, and a broker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from support.eventually import eventually
from support.kube.chart import CRDS, OPERATOR_NAMESPACE, RELEASE, Helm
from support.kube.cluster import Cluster
from support.kube.control_plane import CONTEXT, ControlPlane
from support.operator_process import OperatorProcess

from bench.broker import own_broker
from deploy.kind.parts import HELM, kubectl, obtain

# As the product has them, not as its tests do.
DEFAULTS = {
    "poll_interval_seconds": 5,
    "kafka_timeout_seconds": 10,
    "secret_refresh_seconds": 15,
    "lease_seconds": 15,
    "lease_renew_seconds": 10,
    "lease_retry_seconds": 2,
}


@dataclass(frozen=True)
class LiveStage:
    """A cluster, the identity of the operator in it, and a broker."""

    cluster: Cluster
    identity: Path
    bootstrap_servers: str
    folder: Path

    @contextmanager
    def operator(self, namespace: str) -> Iterator[OperatorProcess]:
        """Run the operator with its defaults and the chart's rights."""
        process = OperatorProcess(self.identity, namespace, self.folder, dict(DEFAULTS)).start()
        try:
            yield process.wait_ready()
        finally:
            process.stop()


@contextmanager
def live_stage() -> Iterator[LiveStage]:
    """Start everything; all of it is gone afterwards."""
    with TemporaryDirectory(prefix="orderflow-live-") as name, own_broker() as broker:
        folder = Path(name)
        control_plane = ControlPlane(folder / "cluster")
        try:
            control_plane.start()
            cluster = Cluster(control_plane.kubeconfig, CONTEXT, kubectl(), folder)
            cluster.kubectl("apply", "--server-side", "-f", str(CRDS))
            eventually(lambda: "streamworkers" in cluster.kubectl("api-resources", "-o", "name"), within=30)
            Helm(obtain(HELM), folder / "helm").install(cluster, {"crds": {"enabled": False}})
            identity = cluster.identity(RELEASE, OPERATOR_NAMESPACE)
            yield LiveStage(cluster, identity, broker.bootstrap_servers, folder)
        finally:
            control_plane.stop()
