"""The Order Service on a real broker: what a 202 stands for, and what happens when Kafka fails."""

from collections.abc import Callable
from uuid import uuid4

import pytest
from confluent_kafka import Message
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource
from support.brokers import RunningBroker
from support.builders import TRACE
from support.eventually import eventually
from support.orders_service import Clients, OrderService
from support.pipeline import Pipeline

from orderflow.streaming.partitioner import partition_for
from orderflow_local.kafka import Broker

SHORT = {"user_id": "u1", "item": "tea", "quantity": 3}


@pytest.fixture
def service(pipeline: Pipeline) -> OrderService:
    return OrderService(pipeline).wait_ready()


def headers_of(record: Message) -> dict[str, str]:
    headers: list[tuple[str, bytes]] = record.headers() or []  # type: ignore[assignment]
    return {name: value.decode() for name, value in headers}


def murmur2(key: bytes) -> int:
    """The hash of Java's default partitioner, written down a second time."""
    mask, seed, m = 0xFFFFFFFF, 0x9747B28C, 0x5BD1E995
    h = seed ^ len(key)
    whole = len(key) - len(key) % 4
    for at in range(0, whole, 4):
        k = int.from_bytes(key[at : at + 4], "little") * m & mask
        h = (h * m & mask) ^ ((k ^ k >> 24) * m & mask)
    if rest := key[whole:]:
        h = (h ^ int.from_bytes(rest, "little")) * m & mask
    h = (h ^ h >> 13) * m & mask
    return (h ^ h >> 15) & 0x7FFFFFFF


def test_an_accepted_order_is_in_the_log_with_its_status(pipeline: Pipeline, service: OrderService) -> None:
    answer = service.place(
        {"order_id": "o-1", "user_id": "u-1", "amount": "19.9", "items": 2, "colour": "red"},
        X_Correlation_ID="visit-7",
        traceparent=TRACE.decode(),
    )
    assert answer.status_code == 202
    (order,), (status,) = pipeline.read("orders"), pipeline.read("order-status")
    assert (order.key(), status.key()) == (b"u-1", b"o-1")
    (value,), (pending,) = pipeline.values("orders"), pipeline.values("order-status")
    assert value.pop("timestamp").endswith("Z")
    assert pending.pop("updated_at").endswith("Z")
    assert value == {"order_id": "o-1", "user_id": "u-1", "amount": 19.9, "items": 2}
    assert b'"amount":19.90' in (order.value() or b"")
    assert pending == {"order_id": "o-1", "status": "PENDING"}
    headers = headers_of(order)
    assert headers_of(status) == headers
    assert headers.pop("timestamp").endswith("Z")
    assert headers == {
        "correlation_id": "visit-7",
        "source": "order-service",
        "traceparent": TRACE.decode(),
    }


def test_the_short_form_lands_as_an_order_like_any_other(pipeline: Pipeline, service: OrderService) -> None:
    order_id = service.place(SHORT).json()["order_id"]
    (order,) = pipeline.values("orders")
    del order["timestamp"]
    assert order == {"order_id": order_id, "user_id": "u1", "amount": 3.0, "items": 3, "item": "tea"}
    headers = headers_of(pipeline.read("orders")[0])
    assert headers["correlation_id"] == order_id
    assert headers["traceparent"].startswith("00-")


def test_all_orders_of_a_user_are_in_the_partition_that_java_would_choose(
    pipeline: Pipeline, service: OrderService
) -> None:
    users = [f"user-{number}" for number in range(40)]
    answers = service.place_together([SHORT | {"user_id": user} for user in users * 3])
    assert {answer.status_code for answer in answers} == {202}
    found: dict[str, set[int]] = {}
    for record in pipeline.read("orders"):
        found.setdefault((record.key() or b"").decode(), set()).add(record.partition() or 0)
    assert found == {user: {murmur2(user.encode()) % pipeline.partitions} for user in users}
    assert found == {user: {partition_for(user.encode(), pipeline.partitions)} for user in users}
    assert len(set.union(*found.values())) > 1


def test_a_repeated_idempotency_key_names_the_same_order(pipeline: Pipeline, service: OrderService) -> None:
    first = service.place(SHORT, Idempotency_Key="k-1")
    second = service.place(SHORT, Idempotency_Key="k-1")
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json()["order_id"] == second.json()["order_id"]
    assert {order["order_id"] for order in pipeline.values("orders")} == {first.json()["order_id"]}


def test_orders_that_wait_together_share_a_transaction(pipeline: Pipeline, service: OrderService) -> None:
    answers = service.place_together([SHORT] * 200)
    assert {answer.status_code for answer in answers} == {202}
    assert service.process.metric("orderflow_group_orders_sum") == 200
    assert service.process.metric("orderflow_group_orders_count") <= 100
    assert len(pipeline.values("orders")) == 200


def test_a_user_who_waits_for_each_answer_finds_the_orders_in_that_order(
    pipeline: Pipeline, service: OrderService
) -> None:
    with Clients(service, connections=8) as clients:
        eventually(lambda: len(clients.accepted) >= 400, within=60)
    placed: dict[str, list[str]] = {}
    for order in pipeline.values("orders"):
        placed.setdefault(order["user_id"], []).append(order["order_id"])
    turn = {order_id: number for number, order_id in enumerate(clients.accepted)}
    assert sum(map(len, placed.values())) == len(turn)
    for order_ids in placed.values():
        assert order_ids == sorted(order_ids, key=lambda order_id: turn[order_id])


def test_the_service_waits_for_its_topics_and_says_which(
    broker: RunningBroker, namespace: str, pipelines: Callable[[str, str], Pipeline]
) -> None:
    pipeline = pipelines(broker.bootstrap_servers, namespace)
    service = OrderService(pipeline)
    missing = f"{namespace}orders, {namespace}order-status"
    eventually(lambda: missing in service.process.get("/readyz")[1], within=30)
    answer = service.place(SHORT)
    problem = answer.json()
    assert (answer.status_code, problem["outcome"], problem["reason"]) == (503, "rejected", "topics-missing")
    pipeline.create_topics()
    service.wait_ready()
    assert service.place(SHORT).status_code == 202


def test_a_record_that_the_topic_is_too_small_for_costs_only_itself(
    pipeline: Pipeline, service: OrderService
) -> None:
    resource = ConfigResource(
        ConfigResource.Type.TOPIC,
        pipeline.prefix + "orders",
        incremental_configs=[
            ConfigEntry("max.message.bytes", "900", incremental_operation=AlterConfigOpType.SET)
        ],
    )
    admin = AdminClient({"bootstrap.servers": pipeline.bootstrap_servers})
    (changed,) = admin.incremental_alter_configs([resource]).values()
    changed.result(20)
    large = SHORT | {"user_id": "large", "item": "\N{SNOWMAN}" * 256}
    answers = service.place_together([*([SHORT] * 8), large, *([SHORT] * 8)])
    assert [answer.status_code for answer in answers] == [*([202] * 8), 413, *([202] * 8)]
    assert {order["user_id"] for order in pipeline.values("orders")} == {"u1"}
    assert len(pipeline.values("orders")) == 16


@pytest.mark.chaos
def test_a_frozen_broker_is_answered_with_503_and_afterwards_orders_are_accepted_again(
    own_broker: Callable[[], Broker], namespace: str, pipelines: Callable[[str, str], Pipeline]
) -> None:
    broker = own_broker()
    pipeline = pipelines(broker.bootstrap_servers, namespace).create_topics()
    service = OrderService(pipeline, api_deadline_seconds=1, transaction_timeout_seconds=2).wait_ready()
    assert service.place(SHORT, Idempotency_Key="before").status_code == 202
    eventually(lambda: lag_of_payments(service) == 1, within=30)

    broker.pause()
    caught = service.place(SHORT, Idempotency_Key="caught")
    assert caught.status_code == 503
    assert caught.headers["retry-after"] == "1"
    assert caught.json()["outcome"] in ("unknown", "rejected")

    eventually(lambda: "does not answer" in service.process.get("/readyz")[1], within=20)
    assert service.process.get("/livez")[0] == 200
    away = service.place(SHORT, Idempotency_Key="away")
    assert (away.status_code, away.json()["outcome"]) == (503, "rejected")
    assert away.json()["reason"] == "kafka-unavailable"
    eventually(lambda: service.get("/metrics/lag").json()["stale"], within=20)
    stale = service.get("/metrics/lag").json()
    assert stale["age_seconds"] > 0
    assert [group["lag"] for group in stale["groups"]][:2] == [1, 0]

    broker.resume()
    eventually(lambda: service.place(SHORT, Idempotency_Key="after").status_code == 202, within=60)
    again = eventually(lambda: accepted_again(service, "caught"), within=30)
    assert again == caught.json()["order_id"]
    in_log = {order["order_id"] for order in pipeline.values("orders")}
    assert again in in_log
    eventually(lambda: not service.get("/metrics/lag").json()["stale"], within=30)
    assert away.json()["order_id"] not in in_log


def lag_of_payments(service: OrderService) -> int | None:
    answer = service.get("/metrics/lag")
    return answer.json()["groups"][0]["lag"] if answer.status_code == 200 else None


def accepted_again(service: OrderService, key: str) -> str | None:
    answer = service.place(SHORT, Idempotency_Key=key)
    return str(answer.json()["order_id"]) if answer.status_code == 202 else None


@pytest.mark.chaos
def test_a_broker_that_is_killed_under_load_loses_nothing_that_was_accepted(
    own_broker: Callable[[], Broker], namespace: str, pipelines: Callable[[str, str], Pipeline]
) -> None:
    broker = own_broker()
    pipeline = pipelines(broker.bootstrap_servers, namespace).create_topics()
    service = OrderService(pipeline).wait_ready()
    with Clients(service, connections=16) as clients:
        eventually(lambda: len(clients.accepted) >= 200, within=30)
        broker.kill()
        broker.start()
        broker.wait_ready()
        before = len(clients.accepted)
        eventually(lambda: len(clients.accepted) >= before + 200, within=60)
    assert_all_in_log(pipeline, clients)


@pytest.mark.chaos
def test_every_202_is_in_the_log_also_when_the_service_is_killed(pipeline: Pipeline) -> None:
    name = f"victim-{uuid4().hex[:8]}"
    service = OrderService(pipeline, name).wait_ready()
    with Clients(service, connections=32) as clients:
        eventually(lambda: len(clients.accepted) >= 300, within=30)
        service.process.kill()
    # Its successor of the same name settles what it left open. Until then a reader of committed records does
    # not see what one producer committed behind the open transaction of the other.
    successor = OrderService(pipeline, name).wait_ready()
    assert_all_in_log(pipeline, clients)
    last = successor.place(SHORT).json()["order_id"]
    assert last in {order["order_id"] for order in pipeline.values("orders")}


@pytest.mark.chaos
def test_a_service_asked_to_stop_under_load_answers_whom_it_let_in_and_exits_0(pipeline: Pipeline) -> None:
    service = OrderService(pipeline).wait_ready()
    with Clients(service, connections=32) as clients:
        eventually(lambda: len(clients.accepted) >= 300, within=30)
        assert service.process.stop() == 0, service.process.log
    assert set(clients.answers) <= {202, -1}
    assert_all_in_log(pipeline, clients)
    in_log = [order["order_id"] for order in pipeline.values("orders")]
    # It hung up on idle connections only: what it committed, it had answered or was about to.
    assert len(set(in_log) - set(clients.accepted)) <= 32


def assert_all_in_log(pipeline: Pipeline, clients: Clients) -> None:
    assert clients.accepted
    in_log = {order["order_id"] for order in pipeline.values("orders")}
    statuses = {status["order_id"] for status in pipeline.values("order-status")}
    assert set(clients.accepted) - in_log == set()
    assert in_log == statuses
