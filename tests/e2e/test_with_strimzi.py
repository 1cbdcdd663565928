"""Beside Strimzi's resources, installed by Helm 4: a burst, a topic that grows, an upgrade, and the end.

Partitions are few at first, so that they and nothing else limit the workers.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.e2e import installing
from support.e2e.promises import check
from support.e2e.recording import Recording
from support.e2e.system import SERVICES, System
from support.eventually import eventually
from support.kube.chart import SERVICES_CHART, Helm

Record = Callable[[str, object], None]

FEW, MORE = 3, 6  # partitions, before and after
BURST = 30_000  # orders: minutes of work for one pod
# So few records a replica that the first look at a burst sees enough for all pods there may be.
SCALING = {"lagPerReplica": 200, "catchUpSeconds": 20, "stabilizationWindowSeconds": 45}
SERVICES_VALUES = {"config": {"partitions": FEW}, "payments": {"scaling": SCALING}}


@pytest.fixture(scope="module")
def with_strimzi(system: System, helm: Helm, strimzi_crds: list[Path]) -> Iterator[System]:
    """The system beside Strimzi's resources."""
    if not installing.is_there(system, strimzi=True):
        installing.empty(system)
        installing.by_helm_with_strimzi(system, helm, strimzi_crds, services=SERVICES_VALUES)
    yield system
    installing.empty(system)


def test_it_takes_orders(with_strimzi: System, helm: Helm) -> None:
    own = replace(helm, release="orderflow", namespace=SERVICES, chart=SERVICES_CHART)
    said = own.test(with_strimzi.cluster)
    assert "is PAID" in said or "is DECLINED" in said
    assert "tells it: " in said


def test_a_burst_is_met_with_as_many_pods_as_there_are_partitions_in_one_write(
    with_strimzi: System, record: Record
) -> None:
    seen = burst(with_strimzi, FEW, record)
    assert seen.counts == [1, FEW, 1]
    assert any("Partitions" in sample.limits for sample in seen.samples)


def test_a_topic_that_grows_lets_more_workers_in(with_strimzi: System, record: Record) -> None:
    system = with_strimzi
    for topic in ("orders", "payments", "notifications"):
        system.cluster.apply(
            {
                "apiVersion": "kafka.strimzi.io/v1",
                "kind": "KafkaTopic",
                "metadata": {"name": topic, "labels": {"strimzi.io/cluster": "orderflow"}},
                "spec": {"partitions": MORE},
            },
            namespace=SERVICES,
        )
    eventually(
        lambda: {system.topics()[name] for name in ("orders", "payments")} == {MORE}, within=60, every=1
    )
    eventually(lambda: declared(system)["orders"] == ("Ready", "MorePartitions"), within=60, every=1)
    seen = burst(system, FEW + 1, record)
    assert max(seen.counts) > FEW


def burst(system: System, pods: int, record: Record) -> Recording:
    """Send far more orders than one pod can handle, and record what happens until all is as before.

    At least so many `pods` are to be there while the orders are.
    """
    before = system.verdict()
    eventually(lambda: system.replicas("payments") == 1, within=300, every=1)
    with Recording(system, "payments") as seen:
        begun = seen.now
        with system.sending(BURST, to="kafka") as sending:
            sending.finish(within=180)
            sent = seen.now
        eventually(lambda: len(system.ready("payments")) >= pods, within=180, every=0.5)
        shown = system.resources()
        check(before, system.verdict(wait=400))
        eventually(lambda: seen.counts[-1] == 1, within=300, every=1)
    most = max(seen.counts)
    written = seen.first(lambda sample: sample.replicas > 1)
    ready = seen.first(lambda sample: sample.ready == most)
    drained = seen.first(lambda sample: sample.lag == 0, since=ready)
    down = seen.first(lambda sample: sample.replicas == 1, since=drained)
    seconds = {
        "command to the last order sent": sent - begun,
        "command to the new scale": written - begun,
        "new scale to all pods ready": ready - written,
        "command to lag 0": drained - begun,
        "lag 0 to one pod again": down - drained,
    }
    figures: dict[str, object] = {name: round(value, 1) for name, value in seconds.items()}
    record(f"burst of {BURST} orders to {most} pods (s)", figures | {"replicas": seen.counts})
    record(f"burst to {most} pods", shown)
    return seen


def declared(system: System) -> dict[str, tuple[str, str]]:
    """Return state and reason of each topic of the TopicSet."""
    status = system.cluster.get("topicset", "orderflow-topics", SERVICES)["status"]
    return {each["name"]: (each["state"], each["reason"]) for each in status["topics"]}


def test_an_upgrade_by_helm_4_keeps_the_replicas(with_strimzi: System, helm: Helm) -> None:
    system = with_strimzi
    own = replace(helm, release="orderflow", namespace=SERVICES, chart=SERVICES_CHART)
    before = system.verdict()
    with system.sending(BURST, to="kafka") as sending:
        sending.finish(within=180)
    eventually(lambda: system.replicas("payments") > 1, within=120, every=0.2)
    with Recording(system, "payments") as seen:
        own.upgrade(system.cluster, "--set", "payments.config.paymentGatewayLatencyMs=21")
        system.wait_rolled_out("payments")
    assert 1 not in seen.counts
    check(before, system.verdict(wait=400))


def test_the_operator_may_go_first(with_strimzi: System, helm: Helm, record: Record) -> None:
    before = with_strimzi.topics()
    installing.uninstall(with_strimzi, helm, "orderflow-operator", "orderflow")
    assert with_strimzi.topics() == before
    record("both namespaces gone, operator first (s)", installing.delete_namespaces(with_strimzi))
