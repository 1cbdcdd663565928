"""Plays the kubelet's part: the cluster of the tests has none, so a Pod is what a test says it is.

A Pod that is made stays Pending. `mark_ready` writes what a kubelet would once its containers run, so that
`status.readyReplicas` of its Deployment moves. Nothing runs in such a Pod; a test that needs work done starts
a process for it and ends the process when the Pod is gone. A deleted Pod is gone at once, as no kubelet has
to confirm it.
"""

from datetime import UTC, datetime
from typing import Any

from orderflow_operator.kube import KubeApi, NotFound, path

_CONDITIONS = ("PodScheduled", "Initialized", "ContainersReady", "Ready")


def pods(api: KubeApi, namespace: str, selector: str = "") -> list[dict[str, Any]]:
    """Return the Pods of a namespace that are there to stay."""
    found = api.list(path("v1", "pods", namespace), labelSelector=selector)
    return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]


def is_ready(pod: dict[str, Any]) -> bool:
    """Tell whether the Pod counts as ready."""
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(seen["type"] == "Ready" and seen["status"] == "True" for seen in conditions)


def mark_ready(api: KubeApi, pod: dict[str, Any], *, ready: bool = True) -> None:
    """Write the status of a Pod whose containers run, and are ready or not; a Pod that is gone stays so."""
    now, name = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), pod["metadata"]["name"]
    held = {kind: ready or kind in _CONDITIONS[:2] for kind in _CONDITIONS}
    status = {
        "phase": "Running",
        "startTime": now,
        "conditions": [
            {"type": kind, "status": str(holds), "lastTransitionTime": now} for kind, holds in held.items()
        ],
        "containerStatuses": [
            {
                "name": container["name"],
                "image": container["image"],
                "imageID": container["image"],
                "ready": ready,
                "started": True,
                "restartCount": 0,
                "state": {"running": {"startedAt": now}},
            }
            for container in pod["spec"]["containers"]
        ],
    }
    try:
        api.merge(path("v1", "pods", pod["metadata"]["namespace"], name, "status"), {"status": status})
    except NotFound:
        return


def mark_all_ready(api: KubeApi, namespace: str, selector: str = "") -> list[str]:
    """Make every Pod ready that is not; return the names of all."""
    found = pods(api, namespace, selector)
    for pod in found:
        if not is_ready(pod):
            mark_ready(api, pod)
    return [pod["metadata"]["name"] for pod in found]
