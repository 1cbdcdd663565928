"""What happens to a cluster on any day, while orders come in: none is lost, none is doubled."""

import time
from collections.abc import Callable
from dataclasses import replace

from support.e2e.promises import check, orders_coming_in
from support.e2e.recording import Recording
from support.e2e.system import OPERATOR, SERVICES, WORKERS, System
from support.eventually import eventually
from support.kube.chart import SERVICES_CHART, Helm

Record = Callable[[str, object], None]

ALL = ("orders", *WORKERS, "analytics")
BURST = 30_000  # orders: some minutes of work for one pod
MOST = 6  # pods, by deploy/skaffold/services-kind.yaml


def test_an_upgrade_under_load_keeps_the_replicas(
    without_strimzi: System, helm_3: Helm, record: Record
) -> None:
    system = without_strimzi
    own = replace(helm_3, release="orderflow", namespace=SERVICES, chart=SERVICES_CHART)
    # A minute is enough for fewer pods, once it is known how much one of them does.
    own.upgrade(system.cluster, "--set", "payments.scaling.catchUpSeconds=10")
    with Recording(system, "payments") as seen:
        with system.sending(BURST, to="kafka") as sending:
            sending.finish(within=180)
        eventually(lambda: system.replicas("payments") == MOST, within=120, every=0.2)
        with orders_coming_in(system, seconds=40):
            before = seen.now
            own.upgrade(
                system.cluster,
                *("--set", "payments.config.paymentGatewayLatencyMs=21"),
                *("--set", "payments.scaling.stabilizationWindowSeconds=20"),
            )
            system.wait_rolled_out("payments")
            record("rollout of 6 payment pods under load (s)", seen.now - before)
            asked = {sample.replicas for sample in seen.samples if sample.at >= before}
            assert asked == {MOST}


def test_a_rolling_restart_of_everything_loses_nothing(without_strimzi: System, record: Record) -> None:
    with orders_coming_in(without_strimzi, seconds=60):
        begun = time.monotonic()
        names = [f"deployment/orderflow-{name}" for name in ALL]
        without_strimzi.cluster.kubectl("rollout", "restart", *names, namespace=SERVICES)
        without_strimzi.wait_rolled_out(*ALL)
        record("rolling restart of all services under load (s)", time.monotonic() - begun)


def test_pods_that_vanish_take_nothing_with_them(without_strimzi: System, record: Record) -> None:
    with orders_coming_in(without_strimzi, seconds=60, outage=True):
        begun = time.monotonic()
        without_strimzi.kill(*(pod for name in ALL for pod in without_strimzi.pods(name)))
        without_strimzi.wait_ready(*ALL)
        record("all services back after their pods were killed (s)", time.monotonic() - begun)


def test_a_restart_of_kafka_costs_time_and_nothing_else(without_strimzi: System, record: Record) -> None:
    with orders_coming_in(without_strimzi, seconds=60, outage=True):
        begun = time.monotonic()
        without_strimzi.cluster.kubectl("delete", "pod", "orderflow-kafka-0", namespace=SERVICES)
        without_strimzi.wait_for_kafka()
        record("restart of the Kafka pod (s)", time.monotonic() - begun)


def test_a_kafka_that_vanishes_comes_back_with_all_it_had(without_strimzi: System, record: Record) -> None:
    with orders_coming_in(without_strimzi, seconds=60, outage=True):
        begun = time.monotonic()
        without_strimzi.kill("orderflow-kafka-0")
        without_strimzi.wait_for_kafka()
        record("restart of a Kafka pod that was killed (s)", time.monotonic() - begun)


def test_an_operator_that_dies_in_mid_scale_is_taken_over_from(
    without_strimzi: System, record: Record
) -> None:
    system = without_strimzi
    eventually(lambda: system.replicas("payments") == 1, within=300, every=1)
    before = system.verdict()
    with Recording(system, "payments") as seen:
        with system.sending(BURST, to="kafka") as sending:
            sending.finish(within=180)
        eventually(lambda: system.replicas("payments") > 1, within=120, every=0.1)
        killed, old = seen.now, system.pods("operator", OPERATOR)
        system.kill(*old, namespace=OPERATOR)
        decided = system.worker("payments")["lastDecision"]["at"]
        eventually(lambda: system.worker("payments")["lastDecision"]["at"] > decided, within=120, every=0.5)
        record("decisions go on after the operator was killed (s)", seen.now - killed)
        check(before, system.verdict(wait=400))
        eventually(lambda: seen.counts[-1] == 1, within=300, every=1)
    top = seen.counts.index(max(seen.counts))
    up, down = seen.counts[: top + 1], seen.counts[top:]
    assert (up, down) == (sorted(up), sorted(down, reverse=True))
    assert not set(old) & set(system.pods("operator", OPERATOR))
