"""`orderflow-operator explain NAME`: the last decision as its StreamWorker's status has it."""

from __future__ import annotations

from collections.abc import Iterator

from orderflow_operator.kube import ApiError, Document, KubeApi, NotFound
from orderflow_operator.observe_cluster import STREAM_WORKERS
from orderflow_process.output import print_json, print_table

Line = tuple[str, str, str]


def show(api: KubeApi, namespace: str, name: str, *, as_json: bool) -> None:
    """Print the last decision; raise ApiError when there is none."""
    try:
        worker = api.get(f"{STREAM_WORKERS.collection(api, namespace)}/{name}")
    except NotFound:
        raise ApiError(f"there is no StreamWorker {name} in namespace {namespace}; try another -n") from None
    status = worker.get("status") or {}
    if not status.get("lastDecision"):
        raise ApiError(f"no decision about StreamWorker {namespace}/{name} yet; is the operator running?")
    if as_json:
        print_json(status["lastDecision"])
        return
    print_table(("step", "replicas", "because"), lines(worker))


def lines(worker: Document) -> Iterator[Line]:
    """Return the rows of the table: what there is, what was seen, each step, and the answer."""
    status, decision = worker["status"], worker["status"]["lastDecision"]
    ready = f"{status.get('readyReplicas', 0)} ready"
    yield "now", str(status.get("replicas", "")), f"Deployment {_target(worker)}, {ready}; {decision['at']}"
    yield "seen", "", "; ".join(_seen(status))
    raw = decision.get("raw")
    yield "raw", "unknown" if raw is None else str(raw), "what the rates ask for before any limit"
    for limiter in decision.get("limiters") or ():
        yield limiter["name"], f"{limiter['before']} → {limiter['after']}", limiter["because"]
    yield decision["reason"], str(decision["replicas"]), decision["message"]


def _seen(status: Document) -> Iterator[str]:
    lag = status.get("lag")
    yield "lag unknown" if lag is None else f"lag {lag:,} records"
    if status.get("lagSeconds") is not None:
        yield f"the oldest {status['lagSeconds']:.1f} s old"
    if status.get("arrivalPerSecond") is not None:
        yield f"{status['arrivalPerSecond']:,} a second arrive"
    rate = status.get("ratePerReplica")
    yield "rate of a replica not yet known" if rate is None else f"a replica manages {rate:,} a second"


def _target(worker: Document) -> str:
    return str(worker["spec"]["scaleTargetRef"]["name"])
