"""A StreamWorker whose operator shows Kafka a certificate, from Secrets as Strimzi makes them."""

from base64 import b64encode
from collections.abc import Callable

from confluent_kafka.admin import AclOperation, ResourceType
from support.eventually import eventually
from support.operator_process import OperatorProcess
from support.tls_broker import Authority, Pair, TlsBroker
from support.workload import Workload

USER, CA = "lag-reader", "orders-cluster-ca-cert"


def test_a_certificate_opens_kafka_and_another_one_is_picked_up_without_a_restart(
    workload: Workload,
    operators: Callable[..., OperatorProcess],
    tls_broker: TlsBroker,
    grant_secrets: Callable[..., None],
) -> None:
    workload.bootstrap_servers = tls_broker.bootstrap_servers
    tls_broker.allow(USER, ResourceType.TOPIC, workload.topic, AclOperation.DESCRIBE)
    tls_broker.allow(USER, ResourceType.GROUP, workload.group, AclOperation.DESCRIBE)
    grant_secrets(USER, CA)
    put(workload, CA, {"ca.crt": tls_broker.authority.certificate})
    put_user(workload, tls_broker.authority.issue(USER))
    operator = operators().wait_ready()
    kafka = {
        "bootstrapServers": tls_broker.tls_servers,
        "auth": {"type": "Tls", "secretName": USER},
        "caSecretName": CA,
    }
    with workload.running(kafka=kafka):
        eventually(lambda: workload.lag == 0, within=20)
        assert workload.condition("MetricsAvailable")[0] == "True"
        put_user(workload, Authority("somebody else").issue(USER))
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "False", within=30)
        put_user(workload, tls_broker.authority.issue(USER))
        eventually(lambda: workload.condition("MetricsAvailable")[0] == "True", within=30)
        assert workload.writes == 0
    assert operator.get("/healthz")[0] == 200
    assert "PRIVATE KEY" not in operator.log


def put_user(workload: Workload, pair: Pair) -> None:
    put(workload, USER, {"user.crt": pair.certificate, "user.key": pair.key})


def put(workload: Workload, name: str, data: dict[str, str]) -> None:
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name},
        "data": {key: b64encode(value.encode()).decode() for key, value in data.items()},
    }
    workload.cluster.apply(secret, namespace=workload.namespace)
