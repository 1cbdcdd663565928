"""Fixtures for tests that need a cluster: one API server for all of them, a namespace for each.

How to use them is told at the top of `support.kube.cluster`.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.brokers import RunningBroker
from support.kube.chart import CRDS, OPERATOR_NAMESPACE, RELEASE, Helm
from support.kube.cluster import Cluster
from support.kube.control_plane import CONTEXT, ControlPlane
from support.kube.strimzi_crds import strimzi_crd_files
from support.operator_process import OperatorProcess
from support.workload import Workload

from deploy.kind.parts import HELM, HELM_3, PartUnavailable, control_plane, kubectl, obtain

_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)  # before xdist looks for the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep the tests of this folder in two processes, so that they share one cluster each.

    Those with StreamWorkers mostly wait for consumers; the others mostly ask helm and the API server.
    """
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("cluster")
            group = "workers" if item.path.name.startswith("test_streamworkers") else "cluster"
            item.add_marker(pytest.mark.xdist_group(group))
            if item.get_closest_marker("timeout") is None:
                # The first fixture may have programs to build.
                item.add_marker(pytest.mark.timeout(180, func_only=True))


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The cluster of the test run, with the project's CRDs: the one named outside, or one of our own."""
    folder = tmp_path_factory.mktemp("cluster")
    named = [os.environ.get(f"ORDERFLOW_TEST_{name}") for name in ("KUBECONFIG", "CONTEXT")]
    if any(named):
        kubeconfig, context = named
        if not (kubeconfig and context):
            pytest.fail("Set both ORDERFLOW_TEST_KUBECONFIG and ORDERFLOW_TEST_CONTEXT, or none of them")
        outside = Cluster(Path(kubeconfig), context, _or_skip(kubectl), folder)
        outside.add_crds(CRDS)
        yield outside
        return
    _or_skip(control_plane)
    own = ControlPlane(folder)
    try:
        own.start()
        started = Cluster(own.kubeconfig, CONTEXT, _or_skip(kubectl), folder, is_temporary=True)
        started.add_crds(CRDS)
        yield started
    finally:
        own.stop()


@pytest.fixture(scope="package")
def bare_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that knows nothing of ours or of Strimzi's; what a test adds, it removes."""
    folder = tmp_path_factory.mktemp("bare")
    _or_skip(control_plane)
    own = ControlPlane(folder)
    try:
        own.start()
        yield Cluster(own.kubeconfig, CONTEXT, _or_skip(kubectl), folder, is_temporary=True)
    finally:
        own.stop()


@pytest.fixture(scope="package")
def strimzi_crds(cluster: Cluster) -> None:
    """Strimzi's resources for Kafka, from the folder that ORDERFLOW_STRIMZI_CRDS names."""
    cluster.add_crds(*strimzi_crd_files())


@pytest.fixture(scope="package")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """A helm of our own."""
    return Helm(_or_skip(lambda: obtain(HELM)), tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def helm_3(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """The version before."""
    return Helm(_or_skip(lambda: obtain(HELM_3)), tmp_path_factory.mktemp("helm-3"))


@pytest.fixture
def kube_namespace(cluster: Cluster) -> Iterator[str]:
    """A namespace that only this test uses."""
    with cluster.namespace() as name:
        yield name


@pytest.fixture(scope="package")
def operator_release(cluster: Cluster, helm: Helm) -> Iterator[None]:
    """The chart, installed: its service account and rights; no kubelet runs its Pods."""
    helm.install(cluster, {"crds": {"enabled": False}})
    yield
    helm.uninstall(cluster)


@pytest.fixture(scope="package")
def operator_identity(cluster: Cluster, operator_release: None) -> Path:
    """A kubeconfig of the operator's service account: what the chart allows, and nothing else."""
    return cluster.identity(RELEASE, OPERATOR_NAMESPACE)


@pytest.fixture
def grant_secrets(
    cluster: Cluster, helm: Helm, operator_release: None, kube_namespace: str
) -> Callable[..., None]:
    """Lets the operator read Secrets of the test's namespace by name, as the chart's value does."""

    def grant(*names: str) -> None:
        helm.install(cluster, {"crds": {"enabled": False}, "secrets": {kube_namespace: list(names)}})

    return grant


@pytest.fixture
def operators(
    operator_identity: Path, kube_namespace: str, tmp_path: Path
) -> Iterator[Callable[..., OperatorProcess]]:
    """A factory of operator processes that see the test's namespace; they end with the test."""
    made: list[OperatorProcess] = []

    def make(*, is_forked: bool = True, **settings: object) -> OperatorProcess:
        made.append(OperatorProcess(operator_identity, kube_namespace, tmp_path, settings, is_forked))
        return made[-1].start()

    yield make
    codes = [each.stop() for each in made if each.is_running]
    assert set(codes) <= {0}


@pytest.fixture
def workload(
    cluster: Cluster, kube_namespace: str, broker: RunningBroker, namespace: str, tmp_path: Path
) -> Workload:
    """A workload that has not begun."""
    topic = f"{namespace}orders"
    return Workload(cluster, cluster.api(), kube_namespace, broker.bootstrap_servers, topic, tmp_path)


def _or_skip(build: Callable[[], Path | tuple[Path, ...]]) -> Path:
    try:
        built = build()
    except PartUnavailable as unavailable:
        pytest.skip(str(unavailable))
    return built if isinstance(built, Path) else built[0]
