"""POST /orders and its neighbours, in this process: what is asked, what is answered."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from typing import Any

import pytest
from starlette.types import Message
from support.builders import TRACE
from support.orders_app import SHORT, App

from orderflow.events.orders import order_id_for
from orderflow.orders.intake import KafkaAway, RightsMissing, TopicsMissing
from orderflow.orders.problems import MEDIA_TYPE
from orderflow.orders.watch import KafkaState
from orderflow.streaming.access import Lacking
from orderflow.streaming.outcomes import Overloaded, RecordTooLarge, Refused, Undecided

FULL = {"order_id": "o-1", "user_id": "u-1", "amount": 19.99, "items": 2, "item": "tea", "colour": "red"}


def test_the_full_form_is_accepted_with_its_own_id() -> None:
    app = App()
    answer = app.place(FULL)
    assert (answer.status_code, answer.json()["order_id"], answer.json()["status"]) == (202, "o-1", "PENDING")
    assert answer.headers["location"] == "/orders/o-1"
    (placement,) = app.intake.accepted
    order = placement.order
    assert (order.user_id, order.amount, order.items, order.item) == ("u-1", Decimal("19.99"), 2, "tea")


def test_the_short_form_costs_the_unit_price_a_piece() -> None:
    app = App(unit_price="2.50")
    answer = app.place(SHORT)
    assert answer.status_code == 202
    order = app.intake.accepted[0].order
    assert (order.amount, order.items, order.order_id) == (Decimal("7.50"), 3, answer.json()["order_id"])
    assert order.order_id.startswith("ORD-")


def test_orders_without_an_id_never_share_one() -> None:
    app = App()
    assert len({app.place().json()["order_id"] for _ in range(20)}) == 20


def test_the_same_idempotency_key_gives_the_same_order_id() -> None:
    app, key = App(), {"Idempotency-Key": "k-1"}
    first, second = app.place(headers=key), app.place(headers=key)
    assert first.status_code == second.status_code == 202
    assert first.json()["order_id"] == second.json()["order_id"] == order_id_for("u1", "k-1")
    assert app.place(SHORT | {"user_id": "u2"}, headers=key).json()["order_id"] == order_id_for("u2", "k-1")


def test_the_clients_own_id_wins_over_its_idempotency_key() -> None:
    assert App().place(FULL, headers={"Idempotency-Key": "k-1"}).json()["order_id"] == "o-1"


@pytest.mark.parametrize(
    ("headers", "correlation_id"),
    [
        pytest.param({"X-Correlation-ID": "visit-7"}, "visit-7", id="the client's own"),
        pytest.param({}, "o-1", id="else the order id"),
        pytest.param({"X-Correlation-ID": "\x1b[2J!"}, "o-1", id="also where the client's is no identifier"),
    ],
)
def test_the_order_goes_on_under_a_correlation_id(headers: dict[str, str], correlation_id: str) -> None:
    app = App()
    app.place(FULL, headers=headers)
    assert app.intake.accepted[0].correlation_id == correlation_id


def test_the_trace_context_of_the_client_is_passed_on() -> None:
    app = App()
    app.place(FULL, headers={"traceparent": TRACE.decode()})
    assert app.intake.accepted[0].traceparent == TRACE


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        pytest.param(b'{"user_id":', 400, "not-json", id="cut off"),
        pytest.param(b"", 400, "not-json", id="empty"),
        pytest.param(b'{"user_id":"\xff"}', 400, "not-json", id="not UTF-8"),
        pytest.param(b"[" * 50_000, 422, "invalid-order", id="an array"),
        pytest.param(b'{"x":' + b"[" * 50_000, 400, "not-json", id="nested too deeply"),
        pytest.param(b"x" * 65_537, 413, "too-large", id="too large"),
    ],
)
def test_a_body_that_is_no_order_is_refused(body: bytes, status: int, kind: str) -> None:
    app = App()
    answer = app.place_raw(body)
    assert (answer.status_code, answer.json()["type"]) == (status, f"urn:orderflow:problem:{kind}")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert app.intake.accepted == []


@pytest.mark.parametrize(
    ("change", "path"),
    [
        pytest.param({"user_id": "no spaces"}, "$.user_id", id="user_id with a space"),
        pytest.param({"user_id": "u" * 129}, "$.user_id", id="user_id too long"),
        pytest.param({"order_id": ""}, "$.order_id", id="order_id empty"),
        pytest.param({"order_id": "a\n"}, "$.order_id", id="order_id with a line end"),
        pytest.param({"amount": 0}, "$.amount", id="amount of nothing"),
        pytest.param({"amount": -1}, "$.amount", id="amount below nothing"),
        pytest.param({"amount": 1.005}, "$.amount", id="amount with three places"),
        pytest.param({"amount": 10_000_000_000}, "$.amount", id="amount too high"),
        pytest.param({"amount": "ten"}, "$.amount", id="amount in words"),
        pytest.param({"items": 0}, "$.items", id="no items"),
        pytest.param({"items": 1.5}, "$.items", id="half an item"),
        pytest.param({"item": ""}, "$.item", id="item without a name"),
        pytest.param({"item": "x" * 257}, "$.item", id="item with a long name"),
        pytest.param({"timestamp": "yesterday"}, "$.timestamp", id="timestamp in words"),
        pytest.param({"quantity": 2}, "$.quantity", id="both forms at once"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], path: str) -> None:
    app = App()
    answer = app.place(FULL | change)
    problem = answer.json()
    assert (answer.status_code, [error["path"] for error in problem["errors"]]) == (422, [path])
    assert problem["errors"][0]["detail"] in problem["detail"]
    assert app.intake.accepted == []


def test_an_idempotency_key_that_is_no_identifier_is_named() -> None:
    answer = App().place(headers={"Idempotency-Key": "two words"})
    assert (answer.status_code, answer.json()["errors"][0]["path"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_only_json_is_taken(content_type: str) -> None:
    assert App().place_raw(b"{}", content_type).status_code == 415


def test_json_may_name_its_charset() -> None:
    body = b'{"user_id":"u1","item":"tea","quantity":1}'
    assert App().place_raw(body, "Application/JSON; charset=utf-8").status_code == 202


def test_a_compressed_body_is_not_taken() -> None:
    assert App().place(headers={"Content-Encoding": "gzip"}).status_code == 415


def test_a_body_in_chunks_is_bounded_as_well() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(300):
            yield b" " * 1000

    assert App().place_raw(chunks()).status_code == 413


def test_a_body_in_chunks_is_put_together() -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b'{"user_id":"u1","item'
        yield b'":"tea","quantity":1}'

    app = App()
    assert app.place_raw(chunks()).status_code == 202
    assert app.intake.accepted[0].order.item == "tea"


@pytest.mark.parametrize(
    ("failure", "status", "outcome", "reason"),
    [
        (Overloaded("full"), 503, "rejected", "overloaded"),
        (KafkaAway("away"), 503, "rejected", "kafka-unavailable"),
        (TopicsMissing("none"), 503, "rejected", "topics-missing"),
        (RightsMissing("none"), 503, "rejected", "rights-missing"),
        (Refused("late"), 503, "rejected", "not-committed"),
        (Undecided("late"), 503, "unknown", "undecided"),
    ],
)
def test_an_order_that_was_not_committed_says_what_may_have_become_of_it(
    failure: Exception, status: int, outcome: str, reason: str
) -> None:
    app = App()
    app.intake.failure = failure
    answer = app.place(FULL)
    problem = answer.json()
    assert (answer.status_code, problem["outcome"], problem["reason"]) == (status, outcome, reason)
    assert (problem["order_id"], answer.headers["retry-after"]) == ("o-1", "1")
    assert app.get("/orders/o-1").status_code == 503  # not PENDING, and there is no database here


def test_a_record_that_kafka_would_not_take_is_too_large() -> None:
    app = App()
    app.intake.failure = RecordTooLarge("it is 2 MB")
    assert app.place(FULL).status_code == 413


def test_an_order_is_pending_once_it_was_accepted_here() -> None:
    app = App()
    app.place(FULL)
    answer = app.get("/orders/o-1")
    assert (answer.status_code, answer.json()["status"], answer.json()["order_id"]) == (200, "PENDING", "o-1")


@pytest.mark.parametrize(
    "method_and_path", ["POST /orders", "GET /orders/o-1", "GET /notifications", "GET /stats/payments"]
)
def test_with_keys_only_who_has_one_may_use_orders(method_and_path: str) -> None:
    app = App(api_keys="first-key, second-key")
    method, path = method_and_path.split()
    for headers in ({}, {"X-API-Key": "wrong"}, {"X-API-Key": ""}, {"X-API-Key": "first-key, second-key"}):
        answer = app.request(method, path, json=SHORT, headers=headers)
        assert (answer.status_code, "www-authenticate" in answer.headers) == (401, True)
    # There is no database here, so who is let in to read finds that.
    assert app.request(method, path, json=SHORT, headers={"X-API-Key": "second-key"}).status_code in (
        202,
        503,
    )
    assert app.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/nowhere", "GET", 404), ("/orders", "PUT", 405), ("/docs", "POST", 405)]
)
def test_also_the_frameworks_own_refusals_are_problem_documents(path: str, method: str, status: int) -> None:
    answer = App().request(method, path)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert answer.headers["content-type"] == MEDIA_TYPE


def test_a_client_that_hangs_up_half_way_is_answered_nothing() -> None:
    sent: list[Message] = []
    parts: Iterator[Message] = iter(
        [
            {"type": "http.request", "body": b'{"user_id":"u1","it', "more_body": True},
            {"type": "http.disconnect"},
        ]
    )

    async def receive() -> Message:
        return next(parts)

    async def send(event: Message) -> None:
        sent.append(event)

    app = App()
    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/orders", "headers": headers}
    asyncio.run(app.asgi(scope, receive, send))
    assert (sent, app.intake.accepted) == ([], [])


def test_a_failure_of_our_own_is_a_problem_document_too() -> None:
    app = App()
    app.intake.failure = RuntimeError("a bug")
    answer = app.place(FULL)
    assert (answer.status_code, answer.headers["content-type"]) == (500, MEDIA_TYPE)
    assert "a bug" not in answer.text


@pytest.mark.parametrize("path", ["/health", "/docs", "/nowhere", "/openapi.json"])
def test_every_answer_tells_browsers_to_be_strict(path: str) -> None:
    headers = App().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe-eval" not in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_the_docs_need_nothing_from_elsewhere() -> None:
    app = App()
    page = app.get("/docs").text
    assert "http" not in page.replace("<!doctype html>", "")
    for path in ("/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/docs/start.js"):
        assert path in page
        assert app.get(path).status_code == 200


def test_ready_means_that_an_order_would_be_accepted() -> None:
    app = App()
    assert app.get("/readyz").status_code == 200
    app.intake.kafka = KafkaState(True, Lacking(("orders",)))
    assert (app.get("/readyz").status_code, "orders" in app.get("/readyz").json()["reason"]) == (503, True)
    app.intake.kafka = KafkaState(False)
    assert "Kafka" in app.get("/readyz").json()["reason"]
    app.intake.kafka, app.intake.is_open = KafkaState(True), False
    assert app.get("/readyz").status_code == 503
    assert app.get("/livez").status_code == 200


def test_a_stopping_service_is_not_ready_but_alive() -> None:
    app = App()
    app.lifecycle.stopping = True
    assert (app.get("/readyz").status_code, app.get("/livez").status_code) == (503, 200)


def test_a_service_whose_commits_stand_still_is_not_alive() -> None:
    app = App()
    app.lifecycle.live = lambda: False
    assert app.get("/livez").status_code == 503


def test_health_sums_it_up_for_people() -> None:
    app = App(kafka_bootstrap_servers="b:1")
    assert app.get("/health").json()["status"] == "ok"
    app.intake.kafka = KafkaState(True, Lacking(("order-status",), ("Write on topic orders",)))
    health = app.get("/health").json()
    assert (health["status"], health["accepts_orders"]) == ("degraded", False)
    assert health["kafka"] == {
        "bootstrap_servers": "b:1",
        "reachable": True,
        "missing_topics": ["order-status"],
        "missing_rights": ["Write on topic orders"],
    }


def test_metrics_count_what_was_accepted_and_why_the_rest_was_not() -> None:
    def counts() -> dict[str, float]:
        lines = app.get("/metrics").text.splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1]) for line in lines if line[0] != "#"}

    app = App()
    before = counts()
    app.place()
    app.place({"user_id": "u1"})
    after = counts()
    refused = 'orderflow_orders_refused_total{reason="invalid-order",status="422"}'
    assert after["orderflow_orders_accepted_total"] == before["orderflow_orders_accepted_total"] + 1
    assert after[refused] == before.get(refused, 0) + 1
