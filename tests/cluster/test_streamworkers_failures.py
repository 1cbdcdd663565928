"""What may fail around a StreamWorker: the broker, the operator, its credentials."""

import signal
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime

from confluent_kafka.admin import AclOperation, ResourceType
from support.brokers import wait_for_coordinators
from support.eventually import eventually
from support.operator_process import OperatorProcess
from support.scram_broker import ScramBroker
from support.workload import Workload

from orderflow_local.kafka import Broker

Operators = Callable[..., OperatorProcess]


def test_a_broker_that_restarts_under_load_causes_no_write(
    workload: Workload, operators: Operators, own_broker: Callable[[], Broker]
) -> None:
    operator = operators().wait_ready()
    broker = own_broker()
    wait_for_coordinators(broker.bootstrap_servers)
    workload.bootstrap_servers = broker.bootstrap_servers
    workload.replicas, workload.seconds_per_record = 2, 0.02
    with workload.running(minReplicas=2, maxReplicas=2):
        workload.wait_decided()
        workload.produce(1500)
        eventually(lambda: workload.lag > 500, within=10)
        workload.apply(minReplicas=1, maxReplicas=2, stabilizationWindowSeconds=60)
        broker.stop()
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "False", within=15)
        assert workload.status["reason"] == "LagUnknown"
        assert "lag" not in workload.status
        broker.start()
        broker.wait_ready()
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "True", within=20)
        eventually(lambda: workload.lag >= 0, within=10)
        assert workload.writes == 0
    assert operator.get("/healthz")[0] == 200


def test_an_operator_killed_in_a_cooldown_does_not_write_early(
    workload: Workload, operators: Operators
) -> None:
    first = operators().wait_ready()
    with workload.running(maxReplicas=12, stabilizationWindowSeconds=10):
        workload.wait_decided()
        with first.held():
            workload.produce(3000)
        workload.wait(size=6, within=10)
        first.kill()
        written_at = workload.status["lastScale"]["at"]
        eventually(lambda: workload.ready == 6, within=30)
        second = operators().wait_ready()
        eventually(second.leads, within=20)
        eventually(lambda: workload.size < 6, within=40)
        assert seconds_between(written_at, workload.status["lastScale"]["at"]) >= 10
        assert workload.writes == 2


def test_of_two_replicas_one_writes_and_the_other_takes_over(
    workload: Workload, operators: Operators
) -> None:
    first = operators().wait_ready()
    eventually(first.leads, within=10)
    second = operators().wait_ready()
    with workload.running(maxReplicas=12, stabilizationWindowSeconds=60):
        workload.wait_decided()
        assert not second.leads()
        # Frozen, not dead: it wakes up later and must not write what it had in mind.
        first.send(signal.SIGSTOP)
        workload.produce(4000)
        eventually(second.leads, within=20)
        workload.wait(size=6, within=10)
        first.send(signal.SIGCONT)
        eventually(lambda: workload.ready == 6, within=30)
        eventually(lambda: workload.lag == 0, within=30)
        assert (first.leads(), second.leads()) == (False, True)
        assert workload.writes == 1
        assert first.metric("orderflow_operator_scale_writes_total") == 0
        assert second.stop() == 0
        eventually(first.leads, within=5)  # what is given back need not run out


def test_a_password_that_was_changed_is_picked_up_without_a_restart(
    workload: Workload,
    operators: Operators,
    scram_broker: ScramBroker,
    grant_secrets: Callable[..., None],
) -> None:
    workload.bootstrap_servers = scram_broker.bootstrap_servers
    scram_broker.set_password("lag-reader", "first")
    scram_broker.allow("lag-reader", ResourceType.TOPIC, workload.topic, AclOperation.DESCRIBE)
    scram_broker.allow("lag-reader", ResourceType.GROUP, workload.group, AclOperation.DESCRIBE)
    grant_secrets("lag-reader")
    put_password(workload, "first")
    operator = operators().wait_ready()
    kafka = {
        "bootstrapServers": scram_broker.scram_servers,
        "auth": {"type": "ScramSha512", "secretName": "lag-reader"},
    }
    with workload.running(kafka=kafka):
        eventually(lambda: workload.lag == 0, within=20)
        # Described only: what it may not read it does not need.
        assert workload.condition("MetricsAvailable")[0] == "True"
        scram_broker.set_password("lag-reader", "heron-and-otter")
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "False", within=20)
        assert workload.writes == 0
        put_password(workload, "heron-and-otter")
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "True", within=20)
        assert workload.writes == 0
    assert operator.get("/healthz")[0] == 200
    assert "heron-and-otter" not in operator.log


def put_password(workload: Workload, password: str) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "lag-reader"},
        "data": {"password": b64encode(password.encode()).decode()},
    }
    workload.cluster.apply(secret, namespace=workload.namespace)


def seconds_between(earlier: str, later: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)).total_seconds()
