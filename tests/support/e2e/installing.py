"""Two ways of having the system on a cluster: by skaffold without Strimzi, by Helm with Strimzi's resources.

Strimzi's own operators cannot be had from package registries; the chart in `tests/e2e/charts/kafka` has what
plays their parts, named stand-ins.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from support import kafka_chart
from support.e2e.system import NAMESPACES, OPERATOR, SERVICES, System
from support.eventually import eventually
from support.kafka_image import build as build_kafka
from support.kube.chart import CHART, REPOSITORY, SERVICES_CHART, Helm, Values

from deploy.kind.cluster import build_images
from deploy.kind.commands import run_quietly
from deploy.kind.system import deploy

SKAFFOLD_VALUES = REPOSITORY / "deploy" / "skaffold"
STRIMZI = REPOSITORY / "deploy" / "strimzi"
TAG = "e2e"
DATABASE = "orderflow-database"
GONE_WITHIN = 60.0  # seconds for both namespaces


def by_skaffold(system: System) -> None:
    """Put the system on an empty cluster as `skaffold run -p airgap` does."""
    deploy(system.kind, True, system.console)


def by_helm_with_strimzi(system: System, helm: Helm, crds: Iterable[Path], *, services: Values) -> None:
    """Put the system beside Strimzi's resources: the charts with no other values than skaffold gives."""
    build_all(system)
    cluster = system.cluster
    cluster.kubectl("apply", "-f", str(SKAFFOLD_VALUES / "namespaces.yaml"))
    cluster.add_crds(*crds)
    kafka = replace(helm, release="kafka", namespace=SERVICES, chart=kafka_chart.CHART)
    images = {
        "image": f"orderflow-kafka:{TAG}",
        "operatorImage": f"orderflow-operator:{TAG}",
        "toolsImage": f"orderflow:{TAG}",
    }
    values = kafka_chart.values(**images, operatorMakesTopics=False)
    kafka.install(cluster, values, "--wait", "--timeout", "110s")
    cluster.kubectl(
        "apply", "-f", str(STRIMZI / "kafka-kind.yaml"), "-f", str(STRIMZI / "users.yaml"), namespace=SERVICES
    )
    operator = replace(helm, release="orderflow-operator", namespace=OPERATOR, chart=CHART)
    files = ("operator.yaml", "operator-kind.yaml")
    operator.install(cluster, {"image": {"tag": TAG}}, *values_of(files), "--wait", "--timeout", "110s")
    own = replace(helm, release="orderflow", namespace=SERVICES, chart=SERVICES_CHART)
    files = ("services.yaml", "services-kind.yaml")
    tables = {"image": {"repository": DATABASE, "tag": TAG}, "storage": {"persistent": False}}
    given = {"image": {"tag": TAG}, "database": {"bundled": tables}, **services}
    own.install(cluster, given, *values_of(files), "--wait", "--timeout", "110s")


def build_all(system: System) -> None:
    """Build the four images and bring them onto the node."""
    names = build_images(system.kind, system.console, TAG)
    kafka, database = f"orderflow-kafka:{TAG}", f"{DATABASE}:{TAG}"
    build_kafka(kafka, system.kind.environment)
    build = [system.kind.engine.client, "build", "--tag", database, "deploy/kind/database"]
    run_quietly(build, system.kind.environment, 600.0, REPOSITORY)
    system.kind.load(system.console, *names, kafka, database)


def values_of(files: Iterable[str]) -> list[str]:
    """Return flags for files of `deploy/skaffold`."""
    return [flag for file in files for flag in ("--values", str(SKAFFOLD_VALUES / file))]


def uninstall(system: System, helm: Helm, *releases: str) -> None:
    """Remove releases, in this order."""
    for release in releases:
        namespace = OPERATOR if release == "orderflow-operator" else SERVICES
        replace(helm, release=release, namespace=namespace).uninstall(system.cluster)


def delete_namespaces(system: System) -> float:
    """Delete both namespaces and return the seconds until they were gone; fail after a minute."""
    begun = time.monotonic()
    system.cluster.kubectl("delete", "namespace", *NAMESPACES, "--ignore-not-found", "--wait=false")
    eventually(lambda: not _namespaces(system), within=GONE_WITHIN, every=0.5)
    return time.monotonic() - begun


def empty(system: System) -> None:
    """Take everything of ours off the cluster, whatever is there."""
    delete_namespaces(system)
    ours = "app.kubernetes.io/part-of=orderflow"
    kinds = "customresourcedefinitions,clusterroles,clusterrolebindings"
    system.cluster.kubectl("delete", kinds, "--selector", ours)
    system.cluster.kubectl("delete", "persistentvolumes", "--selector", "app.kubernetes.io/name=kafka")
    names = system.cluster.kubectl("get", "customresourcedefinitions", "-o", "name").split()
    if strimzi := [name for name in names if "strimzi.io" in name]:
        system.cluster.kubectl("delete", *strimzi)


def is_there(system: System, *, strimzi: bool) -> bool:
    """Tell whether the system is on the cluster, with or without Strimzi's resources."""
    flags = ("--ignore-not-found", "-o", "name")
    services = system.cluster.kubectl("get", "deployment", "orderflow-payments", *flags, namespace=SERVICES)
    known = system.cluster.kubectl("get", "crd", "kafkatopics.kafka.strimzi.io", *flags)
    return bool(services) and bool(known) == strimzi


def _namespaces(system: System) -> list[str]:
    flags = ("--ignore-not-found", "-o", "name")
    return system.cluster.kubectl("get", "namespace", *NAMESPACES, *flags).split()
