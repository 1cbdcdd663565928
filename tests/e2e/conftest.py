"""Fixtures of the end-to-end tests: a real kind cluster, and the whole system on it, in one of two ways.

The cluster is one of its own, `kind-orderflow-e2e`, made when there is none and deleted afterwards; with
ORDERFLOW_E2E_KEEP=1 it stays, and the next run begins with what is there. ORDERFLOW_E2E_CLUSTER is the name
of another one. Figures and what people would have seen are left in `build/e2e`, and below
`build/e2e/failures` what the pods of a failed test had logged.
"""

import json
import os
import re
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from rich.console import Console
from support.e2e import evidence, installing
from support.e2e.system import System
from support.kube.chart import REPOSITORY, Helm
from support.kube.cluster import Cluster
from support.kube.strimzi_crds import strimzi_crd_files

from deploy.kind import cluster as kind_cluster
from deploy.kind import engine
from deploy.kind.debian import DebianUnavailable
from deploy.kind.engine import Engine, EngineUnavailable
from deploy.kind.parts import HELM, HELM_3, Part, PartUnavailable, obtain

# Each begins with what the one before has left; those that cannot put it up themselves.
ORDER = (
    "test_cluster.py",
    "test_skaffold.py",
    "test_network.py",
    "test_failures.py",
    "test_leaving.py",
    "test_with_strimzi.py",
    "test_rights.py",
    "test_dev.py",
)
FOLDER = REPOSITORY / "build" / "e2e"
_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the files in the order in which the system comes and goes, all of them in one process."""
    ours = [item for item in items if _HERE in item.path.parents]
    for item in ours:
        item.add_marker("e2e")
        item.add_marker(pytest.mark.xdist_group("e2e"))
        item.add_marker(pytest.mark.timeout(900, func_only=True))
    ours.sort(key=lambda item: ORDER.index(item.path.name))
    items[:] = [item for item in items if item not in ours] + ours


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the cluster says when a test, or what it begins with, has failed."""
    report = yield
    found = item.funcargs.get("system") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(found, System):
        folder = FOLDER / "failures" / re.sub(r"[^\w.-]+", "_", f"{item.name}.{report.when}")
        evidence.keep(found.cluster, folder)
        report.sections.append(("what the pods logged", str(folder)))
    return report


@pytest.fixture(scope="session")
def system(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """The cluster, with or without the system on it."""
    console = Console(stderr=True)
    # Minutes the first time, so what goes on is shown.
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        try:
            kind = _cluster(engine.find(), console)
        except (EngineUnavailable, PartUnavailable, DebianUnavailable) as unavailable:
            pytest.skip(str(unavailable))
    folder = tmp_path_factory.mktemp("e2e")
    yield System(kind, Cluster(kind.kubeconfig, kind.context, kind.programs / "kubectl", folder), console)
    if os.environ.get("ORDERFLOW_E2E_KEEP") != "1":
        kind.delete()


@pytest.fixture(scope="module")
def without_strimzi(system: System) -> System:
    """The system as skaffold deploys it where no image can be pulled; the operator makes the topics."""
    if not installing.is_there(system, strimzi=False):
        installing.empty(system)
        installing.by_skaffold(system)
    return system


@pytest.fixture(scope="session")
def strimzi_crds() -> list[Path]:
    """Strimzi's resources for Kafka, from the folder that ORDERFLOW_STRIMZI_CRDS names."""
    return strimzi_crd_files()


@pytest.fixture(scope="session")
def helm(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 4."""
    return _helm_or_skip(HELM, tmp_path_factory)


@pytest.fixture(scope="session")
def helm_3(tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """Helm 3, which skaffold uses too."""
    return _helm_or_skip(HELM_3, tmp_path_factory)


@pytest.fixture(scope="session")
def record() -> Callable[[str, object], None]:
    """Keeps a figure, or a text as a file of its own, in `build/e2e`."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    file = FOLDER / "figures.json"
    figures: dict[str, object] = json.loads(file.read_text()) if file.exists() else {}

    def keep(name: str, figure: object) -> None:
        if isinstance(figure, str):
            (FOLDER / f"{name}.txt").write_text(figure)
            return
        figures[name] = round(figure, 1) if isinstance(figure, float) else figure
        file.write_text(json.dumps(figures, indent=2) + "\n")

    return keep


def _helm_or_skip(part: Part, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    try:
        return Helm(obtain(part), tmp_path_factory.mktemp("helm"))
    except PartUnavailable as unavailable:
        pytest.skip(str(unavailable))


def _cluster(found: Engine, console: Console) -> kind_cluster.Cluster:
    name = os.environ.get("ORDERFLOW_E2E_CLUSTER", "orderflow-e2e")
    kind = kind_cluster.find(found, console, name)
    if kind.exists():
        kind.refresh_kubeconfig()
    else:
        kind.create(console, kind_cluster.needs_airgap(found, console))
    return kind
