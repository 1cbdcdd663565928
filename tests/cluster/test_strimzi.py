"""deploy/strimzi: taken by a real API server with Strimzi's CRDs, and its rights tried on a real broker."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaException, Producer
from support.brokers import embedded, wait_for_coordinators
from support.eventually import eventually
from support.guarded_pipeline import GuardedPipeline
from support.kube.chart import REPOSITORY, SERVICES_CHART
from support.kube.cluster import Cluster, Manifest, documents
from support.scram_broker import with_users

from orderflow.events import Payment
from orderflow.events.topics import topic_specs
from orderflow.notifications.delivery import LogDelivery
from orderflow.notifications.reaction import notification_service
from orderflow.payments.gateway import SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.streaming.service import Service
from orderflow_lag.observation import GroupObservation, Subscription
from orderflow_lag.read import LagReader
from orderflow_local.kafka import Distribution
from orderflow_local.kafka.config import PROMPT_RECOVERY

STRIMZI = REPOSITORY / "deploy" / "strimzi"
KAFKAS = ("kafka.yaml", "kafka-kind.yaml")
PLACE_ORDER = SERVICES_CHART / "files" / "place_order.py"


@pytest.mark.parametrize("file", [*KAFKAS, "users.yaml", "kafka-ui.yaml"])
def test_the_api_server_takes_it(
    file: str, cluster: Cluster, strimzi_crds: None, kube_namespace: str
) -> None:
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    flags = ("--server-side", "--dry-run=server", "--validate=strict")
    given = documents(manifests(file))
    cluster.kubectl("apply", *flags, "-f", "-", namespace=kube_namespace, stdin=given)


def test_the_page_for_kafka_passes_where_restrictions_are_enforced(
    cluster: Cluster, kube_namespace: str
) -> None:
    cluster.kubectl("label", "namespace", kube_namespace, "pod-security.kubernetes.io/enforce=restricted")
    (deployment,) = [each for each in manifests("kafka-ui.yaml") if each["kind"] == "Deployment"]
    pod = {"apiVersion": "v1", "kind": "Pod", **deployment["spec"]["template"]}
    pod["metadata"] |= {"name": "kafka-ui"}
    flags = ("create", "--dry-run=server", "-f", "-")
    cluster.kubectl(*flags, namespace=kube_namespace, stdin=json.dumps(pod))


@pytest.mark.parametrize("file", KAFKAS)
def test_brokers_let_go_of_killed_workers_soon_and_make_no_topics_by_themselves(file: str) -> None:
    config = {key: str(value) for key, value in kafka(file)["config"].items()}
    assert {key: config.get(key) for key in PROMPT_RECOVERY} == PROMPT_RECOVERY
    assert config["auto.create.topics.enable"] == "False"


def test_records_outlive_a_broker_in_production_and_fit_on_one_node_on_a_laptop() -> None:
    replicas = ("offsets.topic.replication.factor", "transaction.state.log.replication.factor")
    for file, factor, least in (("kafka.yaml", 3, 2), ("kafka-kind.yaml", 1, 1)):
        config = kafka(file)["config"]
        brokers = sum(pool["spec"]["replicas"] for pool in pools(file) if "broker" in pool["spec"]["roles"])
        assert brokers == factor
        assert {config[name] for name in (*replicas, "default.replication.factor")} == {factor}
        assert {config[name] for name in ("min.insync.replicas", "transaction.state.log.min.isr")} == {least}
    (operators,) = [
        each["spec"]["entityOperator"] for each in manifests("kafka-kind.yaml") if each["kind"] == "Kafka"
    ]
    env = operators["template"]["topicOperatorContainer"]["env"]
    assert env == [{"name": "STRIMZI_USE_FINALIZERS", "value": "false"}]


@pytest.mark.parametrize("file", KAFKAS)
def test_the_chart_of_the_services_finds_cluster_listener_and_users(file: str) -> None:
    values = yaml.safe_load((SERVICES_CHART / "values.yaml").read_text())["kafka"]
    (cluster,) = [each["metadata"]["name"] for each in manifests(file) if each["kind"] == "Kafka"]
    listeners = {each["name"]: each for each in kafka(file)["listeners"]}
    wanted = listeners[values["cluster"]["listener"]]
    assert (cluster, wanted["port"]) == (values["cluster"]["name"], values["cluster"]["port"])
    assert (wanted["tls"], wanted["authentication"]["type"]) == (values["tls"], "scram-sha-512")
    assert set(users()) == set(values["auth"]["users"].values())
    labels = [each["metadata"].get("labels") for each in (*manifests("users.yaml"), *pools(file))]
    assert all(each == {"strimzi.io/cluster": cluster} for each in labels)


def test_a_service_may_touch_its_own_topics_group_and_transactions_and_no_others() -> None:
    services: dict[str, Service[Any]] = {
        "orderflow-payments": payment_service(SimulatedGateway(success_rate=1), unit_price=Decimal(1)),
        "orderflow-notifications": notification_service(LogDelivery(), language="en"),
    }
    for user, service in services.items():
        wanted = {("topic", name, "Read" if name in service.reads else "Write") for name in service.topics}
        wanted |= {("group", service.name, "Read"), ("transactionalId", f"{service.name}-", "Write")}
        if Payment.topic in service.writes:
            wanted |= {("topic", Payment.topic, "Read")}  # its own last payments
        found = {
            (acl["resource"]["type"], acl["resource"]["name"], operation)
            for acl in users()[user]
            for operation in acl["operations"]
            if operation != "Describe"
        }
        assert found == wanted


def test_analytics_writes_nothing_and_the_api_reads_what_it_shows() -> None:
    def rights(user: str, kind: str, operation: str) -> set[str]:
        return {
            acl["resource"]["name"]
            for acl in users()[f"orderflow-{user}"]
            if acl["resource"]["type"] == kind and operation in acl["operations"]
        }

    events = {"orders", "payments", "notifications", "order-status"}
    assert rights("analytics", "topic", "Read") == events
    assert rights("analytics", "group", "Read") == {"analytics"}
    assert not any(rights("analytics", kind, "Write") for kind in ("topic", "transactionalId"))
    assert rights("orders", "topic", "Read") == events | {"failed-"}
    assert rights("orders", "topic", "Write") == {"orders", "order-status"}
    groups = {"payment-service", "notification-service", "analytics"}
    assert rights("orders", "group", "Describe") == groups | {"orderflow-reader-"}
    assert rights("orders", "group", "Read") == set()
    assert rights("operator", "group", "Describe") == groups


def test_the_pipeline_and_the_operator_work_with_these_rights(guarded: GuardedPipeline) -> None:
    payments, notifications = guarded.start("payments"), guarded.start("notifications")
    orders = guarded.start_api()
    for process in (orders.process, payments, notifications):
        process.wait_ready()

    placed = subprocess.run(
        [sys.executable, str(PLACE_ORDER)],
        env={
            **os.environ,
            **guarded.environment("test"),
            "ORDERFLOW_URL": orders.url,
            "TIMEOUT_SECONDS": "60",
        },
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert placed.returncode == 0, placed.stdout + placed.stderr
    assert "is PAID" in placed.stdout or "is DECLINED" in placed.stdout
    guarded.produce("orders", b"not an order")
    eventually(lambda: len(guarded.read("failed-orders")) == 1, within=30)

    wanted = [Subscription("payment-service", frozenset({"orders"}))]
    wanted += [Subscription("notification-service", frozenset({"payments"}))]
    names = {spec.name for spec in topic_specs()}
    with LagReader(guarded.client("operator")) as reader:
        assert reader.broker_settings()["auto.create.topics.enable"] == "false"
        seen = reader.read(wanted, names)
        assert all(isinstance(group, GroupObservation) for group in seen.groups.values())
        assert {name for name, count in seen.partitions.items() if isinstance(count, int)} == names
        assert payments.stop() == 0
        assert orders.place({"user_id": "u", "amount": 1, "items": 1}).status_code == 202
        # One record and one marker lie there: told apart, so the tail could be read.
        eventually(lambda: list(reader.read(wanted).counted.values()) == [1], within=20)


def test_a_login_without_the_right_is_refused(guarded: GuardedPipeline) -> None:
    refused: list[str] = []
    producer = Producer(guarded.client("test"))
    producer.produce(
        "payments", b"{}", on_delivery=lambda error, _: refused.append(str(error and error.name()))
    )
    producer.flush(20)
    assert refused == ["TOPIC_AUTHORIZATION_FAILED"]
    thief = Producer({**guarded.client("payments"), "transactional.id": "order-service-orders-0"})
    with pytest.raises(KafkaException, match="TRANSACTIONAL_ID_AUTHORIZATION_FAILED"):
        thief.init_transactions(20)


@pytest.fixture(scope="module")
def guarded(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[GuardedPipeline]:
    """A broker with the users of users.yaml, and nothing that works on it yet."""
    folder = tmp_path_factory.mktemp("guarded")
    broker = with_users(embedded(kafka_distribution, folder))
    pipeline = GuardedPipeline(broker, folder)
    try:
        broker.start()
        broker.wait_ready()
        wait_for_coordinators(broker.bootstrap_servers)
        pipeline.prepare(users())
        yield pipeline
    finally:
        pipeline.services.close()
        broker.stop()


def manifests(file: str) -> list[Manifest]:
    return list(yaml.safe_load_all((STRIMZI / file).read_text()))


def kafka(file: str) -> Manifest:
    (found,) = [each["spec"]["kafka"] for each in manifests(file) if each["kind"] == "Kafka"]
    assert isinstance(found, dict)
    return found


def pools(file: str) -> list[Manifest]:
    return [each for each in manifests(file) if each["kind"] == "KafkaNodePool"]


def users() -> dict[str, list[Manifest]]:
    """Return the ACLs of each user."""
    return {
        each["metadata"]["name"]: each["spec"]["authorization"]["acls"] for each in manifests("users.yaml")
    }
