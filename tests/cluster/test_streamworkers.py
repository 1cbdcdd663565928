"""StreamWorkers on a real API server and a real broker: the operator decides, consumers come and go."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.brokers import RunningBroker
from support.eventually import eventually
from support.kube.cluster import Cluster
from support.operator_process import OperatorProcess
from support.workload import Workload


@pytest.fixture
def operators(
    operator_identity: Path, kube_namespace: str, tmp_path: Path
) -> Iterator[Callable[..., OperatorProcess]]:
    """A factory of operator processes that see the test's namespace; they end with the test."""
    made: list[OperatorProcess] = []

    def make(**settings: object) -> OperatorProcess:
        made.append(OperatorProcess(operator_identity, kube_namespace, tmp_path, settings))
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


def test_a_burst_is_met_by_one_jump_and_then_the_workers_go(
    workload: Workload, operators: Callable[..., OperatorProcess]
) -> None:
    operator = operators().wait_ready()
    with workload.running(maxReplicas=12):
        workload.wait_decided()
        workload.produce(4000)
        workload.wait(size=6, within=10)  # as many as there are partitions
        assert workload.writes == 1
        eventually(lambda: workload.ready == 6, within=30)
        eventually(lambda: workload.status["lag"] == 0, within=30)
        assert workload.writes == 1
        workload.wait(size=1, within=40)
        assert workload.status["lastScale"]["to"] == 1
    assert workload.reasons_of_events().count("ScaledUp") == 1
    assert operator.metric("orderflow_operator_flaps_total") == 0
