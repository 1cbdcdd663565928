"""The commands against a real broker: what they print, how they end, what they say when they cannot."""

import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from support.brokers import RunningBroker
from support.command import Command, verify
from support.eventually import eventually
from support.orders_service import OrderService
from support.pipeline import Pipeline, order, orders

from orderflow.streaming.clients import new_admin

NOWHERE = "127.0.0.1:1"


@pytest.fixture
def orderflow(command: Command, pipeline: Pipeline) -> Command:
    """The command, pointed at this test's pipeline."""
    return command.at(pipeline.bootstrap_servers, pipeline.prefix)


def test_topics_are_listed_as_missing_until_they_are_created(
    command: Command, broker: RunningBroker, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    orderflow = command.at(broker.bootstrap_servers, namespace)
    monkeypatch.setenv("PARTITIONS", "2")
    assert "missing" in orderflow("topics").out
    created = orderflow("topics", "create")
    assert f"created {namespace}orders" in created.out

    def listed() -> bool:
        found = {topic["topic"]: topic for topic in json.loads(orderflow("topics", "--json").out)}
        made = {"topic": f"{namespace}orders", "partitions": 2, "offsets": 0, "open": 0}
        return bool(found[f"{namespace}orders"] == made)

    eventually(listed, within=10)
    assert "nothing to create" in orderflow("topics", "create").out


def test_an_order_is_sent_handled_watched_and_verified(orderflow: Command, pipeline: Pipeline) -> None:
    sent = orderflow("orders", "send", "--count", "40", "--users", "3", "--to", "kafka", "--seed", "7")
    assert (sent.exit_code, sent.err) == (0, "")
    assert sent.out.startswith("40 orders accepted")
    before = json.loads(orderflow(*verify(pipeline)).out)
    assert (before["accepted"], before["in_flight"], before["ok"]) == (40, 40, True)

    pipeline.start("payments", "payments-7")
    pipeline.start("notifications")
    proof = orderflow(*verify(pipeline), "--wait", "60")
    assert proof.exit_code == 0, proof
    report = json.loads(proof.out)
    assert report["paid"] + report["declined"] == report["accepted"] == 40

    payments = pipeline.group("payments")
    (group,) = json.loads(orderflow("lag", payments, "--json").out)
    service = OrderService(pipeline)
    eventually(lambda: lag_over_http(service, 0) == group, within=30)
    assert min(seconds_of(lambda: lag_over_http(service, 0)) for _ in range(10)) < 0.05
    assert (group["state"], group["lag"], group["seconds"]) == ("Stable", 0, 0)
    assert group["members"][0]["client_id"] == "payments-7"
    assert "payments-7" in orderflow("groups", payments).out
    assert payments in orderflow("groups").out

    status = pipeline.values("order-status")[-1]
    watched = orderflow("orders", "watch", status["order_id"])
    assert watched.exit_code == {"PAID": 0, "DECLINED": 3}[status["status"]]
    assert status["status"] in watched.out
    assert "notification EMAIL" in watched.out


def seconds_of(call: Callable[[], Any]) -> float:
    """Return how long a call takes."""
    began = time.monotonic()
    call()
    return time.monotonic() - began


def lag_over_http(service: OrderService, number: int) -> Any:
    with suppress(httpx.TransportError):
        answer = service.get("/metrics/lag")
        return answer.json()["groups"][number] if answer.status_code == 200 else None


def test_orders_sent_over_http_are_in_the_log(orderflow: Command, pipeline: Pipeline) -> None:
    service = OrderService(pipeline).wait_ready()
    sent = orderflow("orders", "send", "--count", "25", "--rate", "200", "--url", service.url)
    assert (sent.exit_code, sent.err) == (0, "")
    assert sent.out.startswith("25 orders accepted")
    assert len({value["order_id"] for value in pipeline.values("orders")}) == 25


def test_verify_fails_when_the_log_is_wrong(orderflow: Command, pipeline: Pipeline) -> None:
    _, value = order(1)
    pipeline.produce("orders", [order(1)])
    payment = json.dumps(
        {**json.loads(value), "status": "SUCCESS", "payment_id": "P", "attempts": 1}
    ).encode()
    pipeline.produce("payments", [("user-0", payment), ("user-0", payment), ("user-9", b"not JSON")])
    proof = orderflow("verify")
    assert proof.exit_code == 1
    assert "duplicated: o1 has more than one payment" in proof.out
    assert "is not a record of ours" in proof.out
    assert proof.err == "orderflow: The log does not hold what it should; see above.\n"


def test_verify_that_waits_in_vain_says_so(orderflow: Command, pipeline: Pipeline) -> None:
    pipeline.produce("orders", [order(1)])
    proof = orderflow("verify", "--wait", "0.1")
    assert proof.exit_code == 1
    assert "1 orders were still in flight" in proof.err


def test_a_dead_letter_counts_as_rejected_by_where_it_came_from(
    orderflow: Command, pipeline: Pipeline
) -> None:
    pipeline.produce("orders", [("user-0", b"poison"), order(1, amount=-5), order(2)])
    pipeline.start("payments")
    pipeline.start("notifications")
    groups = (
        "--payment-group",
        pipeline.group("payments"),
        "--notification-group",
        pipeline.group("notifications"),
    )
    proof = orderflow("verify", *groups, "--wait", "60", "--json")
    assert proof.exit_code == 0, proof
    report = json.loads(proof.out)
    assert (report["accepted"], report["rejected"], report["paid"] + report["declined"]) == (3, 2, 1)


def test_lag_says_how_old_the_oldest_unread_record_is(orderflow: Command, pipeline: Pipeline) -> None:
    pipeline.produce("orders", orders(10))
    payments, notifications, analytics = json.loads(orderflow("lag", "--json").out)
    assert (payments["group"], payments["lag"]) == ("payment-service", 10)
    assert (analytics["group"], analytics["lag"]) == ("analytics", 10)
    assert 0 < payments["seconds"] < 60
    assert (notifications["lag"], notifications["seconds"]) == (0, 0)
    assert "never committed" in orderflow("lag", "--partitions").out


def test_tail_shows_records_with_their_headers_and_without_their_control_characters(
    orderflow: Command, pipeline: Pipeline
) -> None:
    orderflow("orders", "send", "--count", "3", "--to", "kafka")
    pipeline.produce("orders", [("u\x1b[2J", b"\xffvalue")])
    shown = orderflow("tail", "orders", "--from-beginning", "--no-follow")
    assert shown.exit_code == 0
    assert shown.out.count("correlation_id: ORD-") == 3
    assert "\x1b" not in shown.out
    assert "\\x1b[2J" in shown.out
    lines = orderflow("tail", "orders", "--from-beginning", "--count", "2", "--json").out.splitlines()
    assert len(lines) == 2
    assert {"topic", "partition", "offset", "timestamp", "key", "headers", "value"} == set(
        json.loads(lines[0])
    )


def test_a_file_of_orders_is_sent_line_by_line_and_a_bad_line_is_named(
    orderflow: Command, pipeline: Pipeline, tmp_path: Path
) -> None:
    file = tmp_path / "orders.jsonl"
    file.write_text(
        '{"order_id":"A","user_id":"ann","amount":"5.00","items":1}\n'
        "\n"
        '{"user_id":"ann","item":"tea","quantity":0}\n'
        '{"user_id":"bob","item":"tea","quantity":2}\n'
    )
    sent = orderflow("orders", "send", "--file", str(file), "--to", "kafka")
    assert sent.exit_code == 1
    assert "1 orders were not accepted; order 3: $.quantity" in sent.err
    assert {value["user_id"] for value in pipeline.values("orders")} == {"ann", "bob"}


def test_watching_an_order_that_never_comes_ends_with_its_own_exit_code(orderflow: Command) -> None:
    watched = orderflow("orders", "watch", "ORD-nobody", "--timeout", "0.5")
    assert watched.exit_code == 5
    assert "No record of ORD-nobody so far" in watched.out


def test_a_topic_that_does_not_exist_is_named_with_its_nearest(orderflow: Command) -> None:
    shown = orderflow("tail", "oders")
    assert shown.exit_code == 1
    assert "There is no topic 'oders'" in shown.err
    assert "did you mean orders?" in shown.err


@pytest.mark.parametrize(
    "arguments",
    [("lag",), ("orders", "watch", "ORD-1"), ("orders", "send", "--to", "kafka")],
)
def test_without_a_broker_a_command_says_one_sentence(command: Command, arguments: tuple[str, ...]) -> None:
    result = command.at(NOWHERE)(*arguments)
    assert result.exit_code == 1
    assert result.err == (
        f"orderflow: No Kafka broker answers at {NOWHERE}; start one (make up) or point "
        "KAFKA_BOOTSTRAP_SERVERS at yours.\n"
    )


@pytest.mark.parametrize("spoken", ["send", "watch", "lag", "groups", "topics", "tail", "verify"])
def test_help_teaches_with_examples(command: Command, spoken: str) -> None:
    arguments = ("orders", spoken) if spoken in ("send", "watch") else (spoken,)
    assert "Examples" in command(*arguments, "--help").out


def test_without_an_order_service_sending_says_one_sentence(command: Command) -> None:
    result = command("orders", "send", "--url", f"http://{NOWHERE}")
    assert result.exit_code == 1
    assert result.err.startswith(f"orderflow: No Order Service answers at http://{NOWHERE} (ConnectError)")


def test_orders_older_than_what_is_left_of_payments_are_not_called_lost(
    orderflow: Command, pipeline: Pipeline
) -> None:
    now = time.time()
    producer = Producer({"bootstrap.servers": pipeline.bootstrap_servers})
    for number, age in ((1, 7200), (2, 10)):
        _, value = order(number)
        paid = json.dumps({"order_id": f"o{number}", "user_id": "user-0", "status": "SUCCESS"})
        status = json.dumps({"order_id": f"o{number}", "status": "PAID"})
        for topic, body in (
            ("orders", value),
            ("payments", paid),
            ("notifications", paid),
            ("order-status", status),
        ):
            at = int((now - age) * 1000)
            producer.produce(pipeline.prefix + topic, body, f"o{number}", 0, timestamp=at)
    producer.flush(30)
    admin = new_admin(pipeline.settings)
    for service, topic in (("payments", "orders"), ("notifications", "payments")):
        place = TopicPartition(pipeline.prefix + topic, 0, 2)
        request = ConsumerGroupTopicPartitions(pipeline.group(service), [place])
        admin.alter_consumer_group_offsets([request])[pipeline.group(service)].result(30)
    assert json.loads(orderflow(*verify(pipeline)).out)["paid"] == 2
    for topic in ("payments", "notifications"):
        place = TopicPartition(pipeline.prefix + topic, 0, 1)
        admin.delete_records([place])[place].result(30)
    proof = orderflow(*verify(pipeline))
    assert proof.exit_code == 0, proof
    report = json.loads(proof.out)
    assert (report["accepted"], report["paid"], report["expired"], report["lost"]) == (2, 1, 1, 0)
