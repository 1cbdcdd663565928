"""`orderflow-operator doctor`: what is missing, found by really doing it, with one fix a line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from orderflow_lag.errors import LagError
from orderflow_lag.observation import Subscription
from orderflow_lag.read import LagReader
from orderflow_lag.truth import group_lag
from orderflow_operator.access import Access, AccessBook, NoAccess
from orderflow_operator.kube import ApiError, Document, KubeApi, NotFound
from orderflow_operator.observe_cluster import STREAM_WORKERS, key_of
from orderflow_operator.settings import OperatorSettings
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.streamworker import StreamWorkerSpec, parse_stream_worker
from orderflow_process.output import console, progress_bar

Level = Literal["ok", "warn", "fix"]

_STYLES = {"ok": "green", "warn": "yellow", "fix": "red"}

# What the operator does with the API server: group, resource, verbs.
RIGHTS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("orderflow.dev", "streamworkers", ("get", "list", "watch")),
    ("orderflow.dev", "streamworkers/status", ("patch",)),
    ("orderflow.dev", "topicsets", ("get", "list", "watch")),
    ("orderflow.dev", "topicsets/status", ("patch",)),
    ("apps", "deployments", ("list", "watch")),
    ("apps", "deployments/scale", ("get", "update")),
    ("", "pods", ("list", "patch")),
    ("", "events", ("create", "patch")),
    ("autoscaling", "horizontalpodautoscalers", ("list", "watch")),
)
LEASE_RIGHTS = ("coordination.k8s.io", "leases", ("get", "create", "update"))

# Broker settings whose defaults hold readers or partitions back for long after a worker was killed.
ADVISED = {
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": 1_000,
    "group.consumer.session.timeout.ms": 10_000,
    "group.consumer.heartbeat.interval.ms": 2_000,
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried: `said` is what is the matter and, unless it is ok, what to do."""

    level: Level
    said: str


def examine(api: KubeApi, settings: OperatorSettings) -> int:
    """Print every check as it ends; return the exit code."""
    failed = False
    with progress_bar() as progress:
        progress.add_task("checking", total=None)
        for check in checks(api, settings):
            failed = failed or check.level == "fix"
            console.print(Text(f"{check.level:<5}", _STYLES[check.level]) + Text(check.said), soft_wrap=True)
    return int(failed)


def checks(api: KubeApi, settings: OperatorSettings) -> Iterator[Check]:
    """Try everything, the cluster first; what cannot work without it is not tried."""
    served = list(_custom_resources(api))
    yield from served
    yield from _rights(api, settings)
    if any(check.level == "fix" for check in served):
        return
    book = AccessBook(api, client_id="orderflow-operator-doctor")
    seen: set[Access] = set()
    for worker in _workers(api, settings):
        yield from _worker(worker, book, settings, seen)


def _custom_resources(api: KubeApi) -> Iterator[Check]:
    try:
        found = api.get("/apis/orderflow.dev/v1alpha1")
    except NotFound:
        yield Check(
            "fix", "CRDs of orderflow.dev/v1alpha1 are absent: install the chart with crds.enabled=true"
        )
        return
    names = {one["name"] for one in found.get("resources") or ()}
    for plural in ("streamworkers", "topicsets"):
        if {plural, f"{plural}/status"} <= names:
            yield Check("ok", f"CRD {plural}.orderflow.dev is served")
        else:
            yield Check("fix", f"CRD {plural}.orderflow.dev is absent or old: upgrade the chart's CRDs")


def _rights(api: KubeApi, settings: OperatorSettings) -> Iterator[Check]:
    missing: list[str] = []
    for namespace in settings.namespaces or ("",):
        for group, resource, verbs in RIGHTS:
            missing += [
                f"{verb} {resource}" + (f" in {namespace}" if namespace else "")
                for verb in verbs
                if not _may(api, group, resource, verb, namespace)
            ]
    group, resource, verbs = LEASE_RIGHTS
    home = settings.operator_namespace
    missing += [
        f"{verb} {resource} in {home}" for verb in verbs if not _may(api, group, resource, verb, home)
    ]
    for right in missing:
        yield Check(
            "fix", f"RBAC: may not {right}: bind the chart's role, or install it with rbac.create=true"
        )
    if not missing:
        yield Check("ok", "RBAC allows everything that the operator does")


def _may(api: KubeApi, group: str, resource: str, verb: str, namespace: str) -> bool:
    name, _, subresource = resource.partition("/")
    asked = {"group": group, "resource": name, "verb": verb, "namespace": namespace}
    if subresource:
        asked["subresource"] = subresource
    if resource == "leases" and verb != "create":
        asked["name"] = "orderflow-operator"
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": asked},
    }
    answer = api.create("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", review)
    return bool(answer["status"].get("allowed"))


def _workers(api: KubeApi, settings: OperatorSettings) -> Iterator[Document]:
    for namespace in settings.namespaces or (None,):
        yield from api.list(STREAM_WORKERS.collection(api, namespace))


def _worker(
    found: Document, book: AccessBook, settings: OperatorSettings, seen: set[Access]
) -> Iterator[Check]:
    namespace, name = key_of(found)
    cited = f"StreamWorker {namespace}/{name}"
    try:
        spec = parse_stream_worker(found["spec"])
        access = book.of(namespace, spec.kafka)
        with LagReader(access.config, timeout=settings.kafka_timeout_seconds, tail_limit=0) as reader:
            yield from _lag(cited, spec, reader)
            if access not in seen:
                seen.add(access)
                yield from _broker_settings(access, reader)
    except (SpecError, NoAccess, ApiError) as error:
        yield Check("fix", f"{cited}: {error}")
    except LagError as error:
        yield Check("fix", f"{cited}: {error}; see spec.kafka, the KafkaUser and its ACLs")


def _lag(cited: str, spec: StreamWorkerSpec, reader: LagReader) -> Iterator[Check]:
    """Describe the group, its offsets and its topics, which is what the ACLs must allow."""
    wanted = Subscription(spec.consumer_group, frozenset(spec.topics))
    lag = group_lag(reader.read([wanted]), wanted)
    for problem in lag.problems:
        about = f"topic {problem.topic}" if problem.topic else f"group {spec.consumer_group}"
        yield Check(
            "fix", f"{cited}: {about}: {problem.reason}; create it, or give the KafkaUser Describe on it"
        )
    if lag.unknown:
        shown = ", ".join(map(str, lag.unknown[:3]))
        yield Check("warn", f"{cited}: lag of {shown} unknown now; see the health of the brokers")
    if lag.total is not None:
        yield Check("ok", f"{cited}: group {spec.consumer_group} has a lag of {lag.total} records")


def _broker_settings(access: Access, reader: LagReader) -> Iterator[Check]:
    try:
        found = reader.broker_settings()
    except LagError as error:
        yield Check("warn", f"{access.bootstrap_servers}: broker settings not readable: {error}")
        return
    for name, advised in ADVISED.items():
        value = found.get(name)
        if value is not None and int(value) > advised:
            yield Check(
                "warn",
                f"{access.bootstrap_servers}: {name} is {value}: a killed worker holds its partitions or "
                f"readers back that long; set {advised}",
            )
