"""What the workers make of records: the contract, read back from the topics."""

import json
from collections import Counter
from functools import partial

from support.eventually import eventually
from support.pipeline import Pipeline, ServiceProcess, handled_exactly_once, headers_of, order, orders

from orderflow.observability.traceparent import valid_traceparent

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_an_order_becomes_a_payment_a_status_and_a_notification(pipeline: Pipeline) -> None:
    pipeline.start("payments", payment_success_rate=1)
    pipeline.start("notifications")
    pipeline.produce("orders", [order(1, amount="12.50")])

    eventually(lambda: pipeline.values("notifications"), within=40)

    (payment,) = pipeline.values("payments")
    assert payment.pop("payment_id").startswith("PAY-")
    assert payment == {
        "order_id": "o1",
        "user_id": "user-0",
        "amount": 12.5,
        "status": "SUCCESS",
        "attempts": 1,
    }
    assert b'"amount":12.50' in (pipeline.read("payments")[0].value() or b"")
    (status,) = pipeline.values("order-status")
    assert (status["order_id"], status["status"]) == ("o1", "PAID")
    (notification,) = pipeline.values("notifications")
    assert notification["type"] == "EMAIL"
    assert "o1" in notification["message"]


def test_both_forms_of_an_order_are_charged(pipeline: Pipeline) -> None:
    pipeline.start("payments", payment_success_rate=1, unit_price="2.25")
    short = json.dumps({"order_id": "short", "user_id": "u", "item": "Laptop", "quantity": 3}).encode()
    pipeline.produce("orders", [order(1), (None, short)])

    eventually(lambda: len(pipeline.values("payments")) == 2, within=40)

    assert {each["order_id"]: each["amount"] for each in pipeline.values("payments")} == {
        "o1": 10.5,
        "short": 6.75,
    }


def test_headers_carry_correlation_and_trace_through_every_topic(pipeline: Pipeline) -> None:
    pipeline.start("payments")
    pipeline.start("notifications")
    pipeline.produce("orders", [order(1)], headers=[("correlation_id", b"corr-1"), ("traceparent", TRACE)])
    pipeline.produce("orders", [order(2)])

    eventually(lambda: len(pipeline.read("notifications")) == 2, within=40)

    for topic, source in (
        ("payments", b"payment-service"),
        ("order-status", b"payment-service"),
        ("notifications", b"notification-service"),
    ):
        by_order = {
            json.loads(record.value() or b"")["order_id"]: headers_of(record)
            for record in pipeline.read(topic)
        }
        assert by_order["o1"]["correlation_id"] == b"corr-1"
        assert by_order["o1"]["traceparent"] == TRACE
        assert by_order["o1"]["source"] == source
        assert by_order["o2"]["correlation_id"] == b"o2", "a record without headers counts by its order"
        assert valid_traceparent(by_order["o2"]["traceparent"])


def test_a_poison_record_costs_one_record_and_shares_the_transaction_of_its_neighbours(
    pipeline: Pipeline,
) -> None:
    bad = [
        ("user-0", b"garbage \xff\x00"),
        ("user-0", order(100, user_id="no spaces please")[1]),
        order(101, amount="12.345"),
        order(102, amount=-1),
        ("user-0", b""),
    ]
    mixed = [each for pair in zip(orders(5, users=1), bad, strict=True) for each in pair]
    pipeline.produce("orders", mixed)
    worker = pipeline.start("payments", payment_success_rate=1).wait_ready()

    eventually(lambda: handled_exactly_once_of_good(pipeline, 5), within=40)

    letters = pipeline.read("failed-orders")
    assert Counter(letter.value() for letter in letters) == Counter(value for _, value in bad)
    headers = [headers_of(letter) for letter in letters]
    assert {header["dlq.topic"] for header in headers} == {f"{pipeline.prefix}orders".encode()}
    assert {header["dlq.error.class"] for header in headers} == {b"InvalidEvent", b"NotJson"}
    assert {header["dlq.attempts"] for header in headers} == {b"1"}
    assert {letter.key() for letter in letters} == {b"user-0"}
    statuses = {each["order_id"]: each["status"] for each in pipeline.values("order-status")}
    assert {statuses[f"o{number}"] for number in (100, 101, 102)} == {"REJECTED"}
    assert {statuses[f"o{number}"] for number in range(5)} == {"PAID"}
    assert worker.metric("orderflow_batch_records_count") == 1, "one transaction took them all"
    assert worker.metric("orderflow_dead_letters_total") == 5


def handled_exactly_once_of_good(pipeline: Pipeline, count: int) -> bool:
    return [each["order_id"] for each in pipeline.values("payments")] == [f"o{n}" for n in range(count)]


def test_an_unanswering_gateway_leads_to_failed_payments_after_three_attempts(pipeline: Pipeline) -> None:
    pipeline.start("payments", payment_error_rate=1)
    pipeline.produce("orders", [order(1)])

    (letter,) = eventually(lambda: pipeline.read("failed-payments"), within=40)

    headers = headers_of(letter)
    assert headers["dlq.attempts"] == b"3"
    assert headers["dlq.error.class"] == b"GatewayTimeout"
    assert letter.value() == order(1)[1]
    (status,) = pipeline.values("order-status")
    assert (status["order_id"], status["status"]) == ("o1", "FAILED")
    assert pipeline.values("payments") == []


def has_handled(worker: ServiceProcess, count: int) -> bool:
    return worker.metric("orderflow_records_total") == count


def test_a_redelivered_order_gets_the_same_verdict(pipeline: Pipeline) -> None:
    pipeline.produce("orders", orders(40, users=4))
    for group in ("a", "b"):
        worker = pipeline.start("payments", kafka_group_id=f"payment-service-{pipeline.prefix}{group}")
        eventually(partial(has_handled, worker, 40), within=40)
        assert worker.stop() == 0

    verdicts: dict[str, set[tuple[str, str]]] = {}
    for each in pipeline.values("payments"):
        verdicts.setdefault(each["order_id"], set()).add((each["payment_id"], each["status"]))

    assert len(verdicts) == 40
    assert {len(answers) for answers in verdicts.values()} == {1}
    assert {status for answers in verdicts.values() for _, status in answers} == {"SUCCESS", "FAILED"}


def test_all_records_of_a_user_are_in_one_partition_that_payments_shares(pipeline: Pipeline) -> None:
    pipeline.start("payments")
    pipeline.produce("orders", orders(200, users=20))

    eventually(lambda: handled_exactly_once(pipeline, 200), within=40)

    places = [
        {(record.key(), record.partition()) for record in pipeline.read(topic)}
        for topic in ("orders", "payments")
    ]
    assert places[0] == places[1]
    assert len(places[0]) == 20
    assert len({partition for _, partition in places[0]}) > 1


def test_calls_of_the_gateway_overlap_and_keep_each_users_order(pipeline: Pipeline) -> None:
    pipeline.produce("orders", orders(400, users=40))
    worker = pipeline.start("payments", payment_gateway_latency_ms=5, payment_concurrency=8).wait_ready()

    eventually(lambda: handled_exactly_once(pipeline, 400), within=40)

    spent = worker.metric("orderflow_batch_handling_seconds_sum")
    assert spent < 400 * 0.005, f"{spent} s for 400 calls of 5 ms: they waited for each other"
