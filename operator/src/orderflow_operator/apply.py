"""Every write to the cluster, each behind the Lease and behind a resourceVersion.

Whoever lost the Lease in the meantime writes nothing, and what somebody else changed first stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from orderflow_operator.kube import ApiError, Conflict, Document, KubeApi, NotFound, path
from orderflow_operator.lease import Lease
from orderflow_operator.observe_cluster import STREAM_WORKERS, Key, key_of

DELETION_COST = "controller.kubernetes.io/pod-deletion-cost"
_HIGHEST_COST = 2**31 - 1
_PARTITION_COST = 100_000

log = structlog.get_logger(__name__)


class NotHolder(Exception):
    """This replica does not hold the Lease (any more), so it writes nothing."""


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes statuses and scales, while the Lease is held."""

    api: KubeApi
    lease: Lease

    def check(self) -> None:
        """Raise NotHolder unless this replica may write now."""
        if not self.lease.held():
            raise NotHolder

    def status(self, worker: Document, status: Document) -> Document:
        """Replace a StreamWorker's status and return the object; raise ApiError or NotHolder."""
        namespace, name = key_of(worker)
        self.check()
        at = path("orderflow.dev/v1alpha1", STREAM_WORKERS.plural, namespace, name)
        return self.api.replace_status(at, worker["metadata"]["resourceVersion"], status)

    def scale(self, target: Key, before: int, after: int) -> None:
        """Change the replicas of a Deployment from `before`; raise Conflict when they are others by now."""
        at = path("apps/v1", "deployments", target[0], target[1], "scale")
        scale = self.api.get(at)
        found = int((scale.get("spec") or {}).get("replicas") or 0)
        if found != before:
            raise Conflict(f"Deployment {target[1]} has {found} replicas and not {before} any more")
        self.check()
        self.api.replace(at, scale | {"spec": {"replicas": after}})

    def deletion_costs(self, deployment: Document, costs: Mapping[str, int]) -> None:
        """Mark each pod with what its end would cost, so that the cheapest goes first.

        A cost that cannot be written only means that another pod goes; it is logged.
        """
        namespace, name = key_of(deployment)
        labels = ((deployment.get("spec") or {}).get("selector") or {}).get("matchLabels") or {}
        selector = ",".join(f"{label}={value}" for label, value in labels.items())
        try:
            for pod in self.api.list(path("v1", "pods", namespace), labelSelector=selector):
                self._mark(pod, str(costs.get(pod["metadata"]["name"], 0)))
        except ApiError as error:
            log.warning("pod-deletion-cost cannot be written", deployment=name, error=str(error))

    def _mark(self, pod: Document, cost: str) -> None:
        namespace, name = key_of(pod)
        if (pod["metadata"].get("annotations") or {}).get(DELETION_COST, "0") == cost:
            return
        self.check()
        try:
            change = {"metadata": {"annotations": {DELETION_COST: cost}}}
            self.api.merge(path("v1", "pods", namespace, name), change)
        except NotFound:
            pass  # it went by itself


def deletion_cost(partitions: int, lag: int) -> int:
    """Return what ending a pod costs: the partitions that would move, then the records it is behind on."""
    return min(_HIGHEST_COST, partitions * _PARTITION_COST + min(lag, _PARTITION_COST - 1))
