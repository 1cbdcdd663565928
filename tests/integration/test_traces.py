"""One trace from the HTTP request through every service, retries, dead letters and a replay; and what the
same processes logged meanwhile. Real processes, a real broker, a collector that decodes what they send."""

import json
import re
from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import count

import pytest
from support.collector import Collector, Seen
from support.command import Command
from support.elk import field_types, refused
from support.eventually import eventually
from support.orders_service import OrderService
from support.pipeline import Pipeline, headers_of

from orderflow.events import Order
from orderflow.observability.traceparent import trace_id
from orderflow.payments.gateway import GatewayTimeout, SimulatedGateway, idempotency_key

CALLER = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
# Digits that no id, port or time has by chance.
ITEM, AMOUNT = "Insulin pump for Ann Lee", "735129.41"


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector().running() as running:
        yield running


def test_an_order_is_one_trace_from_the_request_to_the_notification_also_through_a_retry_and_a_replay(
    pipeline: Pipeline, collector: Collector, command: Command
) -> None:
    traced = {"otel_exporter_otlp_endpoint": collector.url, "worker_retry_seconds": 0.05}
    api = OrderService(pipeline, "orders-0", **traced)
    payments = pipeline.start(
        "payments",
        "payments-0",
        payment_error_rate=0.5,
        worker_max_attempts=2,
        payment_success_rate=1,
        **traced,
    )
    notifications = pipeline.start("notifications", "notifications-0", **traced)
    api.wait_ready()
    good, retried, dead = (
        an_order_answered(*answers) for answers in ((True,), (False, True), (False, False))
    )
    place(api, good, traceparent=f"{CALLER}-01")
    place(api, retried)
    place(api, dead)
    place(api, an_order_answered(True, first=1000), traceparent=f"{CALLER[:34]}f-{CALLER[36:]}-00")
    eventually(lambda: len(pipeline.read("notifications")) == 3, within=30)
    eventually(lambda: len(pipeline.read("failed-payments")) == 1, within=30)
    assert payments.stop() == 0
    replayed = command.at(pipeline.bootstrap_servers, pipeline.prefix)("dlq", "replay", "--execute")
    assert replayed.exit_code == 0, replayed
    pipeline.start("payments", "payments-1", payment_success_rate=1, **traced)
    eventually(lambda: len(pipeline.read("notifications")) == 4, within=30)
    for process in pipeline.processes:
        assert process.process.poll() == 0 or process.stop() == 0
    assert notifications.process.poll() == 0

    traces = {headers_of(record)["correlation_id"].decode(): record for record in pipeline.read("orders")}
    found = {
        name: collector.of_trace(trace_id(headers_of(traces[name])["traceparent"]).decode())
        for name in (good, retried, dead)
    }
    assert found[good][0].trace_id == CALLER[3:35]
    assert_way(pipeline.prefix, found[good], parent=CALLER[36:])
    assert_retried(pipeline.prefix, found[retried])
    assert_replayed(pipeline.prefix, found[dead])
    assert_transactions(collector.spans)
    assert len({span.trace_id for span in collector.spans if span.name == "POST /orders"}) == 3, (
        "one is unsampled"
    )
    assert_logs(pipeline, {good, retried, dead}, found[dead][0].trace_id)


def an_order_answered(*answers: bool, first: int = 0) -> str:
    """Return the id of an order whose attempts the simulated gateway answers or not, as asked."""
    gateway = SimulatedGateway(success_rate=1, error_rate=0.5)

    def answered(order: Order, attempt: int) -> bool:
        try:
            gateway.charge(order, idempotency_key(order), attempt)
        except GatewayTimeout:
            return False
        return True

    for number in count(first):
        order = Order(f"traced-{number}", "u1", Decimal(AMOUNT), 1, "2026-01-01T12:00:00Z")  # type: ignore[arg-type]
        if all(answered(order, attempt) is answer for attempt, answer in enumerate(answers, 1)):
            return order.order_id
    raise AssertionError


def place(api: OrderService, order_id: str, **headers: str) -> None:
    order = {"order_id": order_id, "user_id": "u1", "amount": AMOUNT, "items": 1, "item": ITEM}
    assert api.place(order, **headers).status_code == 202


def children(spans: Iterable[Seen], parent: str, *names: str) -> list[Seen]:
    """Return the spans under a parent, which are these and no others."""
    found = [span for span in spans if span.parent_id == parent]
    assert [span.name for span in found] == list(names)
    return found


def assert_way(prefix: str, spans: list[Seen], parent: str) -> None:
    """HTTP -> orders -> payments -> notifications, each step the child of the one before."""
    request = children(spans, parent, "POST /orders")[0]
    assert (request.kind, request.service) == ("server", "order-service")
    assert request.attributes["http.response.status_code"] == 202
    sent = children(spans, request.span_id, f"send {prefix}orders")[0]
    assert sent.kind == "producer"
    charged = children(spans, sent.span_id, f"process {prefix}orders")[0]
    assert_told(prefix, spans, charged)
    assert len(spans) == 6
    assert not any(span.failed for span in spans)


def assert_told(prefix: str, spans: list[Seen], charged: Seen) -> None:
    """From a settled order to the notification of it."""
    assert (charged.kind, charged.service) == ("consumer", "payment-service")
    about = charged.attributes
    assert (about["messaging.system"], about["messaging.operation.type"]) == ("kafka", "process")
    assert about["messaging.destination.name"] == f"{prefix}orders"
    assert about["messaging.consumer.group.name"] == f"payment-service-{prefix.rstrip('.')}"
    assert isinstance(about["messaging.kafka.offset"], int)
    assert str(about["messaging.destination.partition.id"]).isdecimal()
    sent = children(spans, charged.span_id, f"send {prefix}payments")[0]
    assert (sent.kind, sent.attributes["messaging.batch.message_count"]) == ("producer", 2)
    assert sent.start >= charged.start
    told = children(spans, sent.span_id, f"process {prefix}payments")[0]
    assert (told.service, told.instance) == ("notification-service", "notifications-0")
    assert told.start >= charged.end
    children(spans, told.span_id, f"send {prefix}notifications")


def assert_retried(prefix: str, spans: list[Seen]) -> None:
    """Each attempt is a span under the same order; the first one failed."""
    request = children(spans, "", "POST /orders")[0]
    sent = children(spans, request.span_id, f"send {prefix}orders")[0]
    first, second = children(spans, sent.span_id, *2 * [f"process {prefix}orders"])
    assert (first.failed, first.attributes["error.type"]) == (True, "GatewayTimeout")
    assert (second.failed, second.attributes["orderflow.attempt"]) == (False, 2)
    children(spans, first.span_id)
    assert_told(prefix, spans, second)


def assert_replayed(prefix: str, spans: list[Seen]) -> None:
    """A dead letter is sent in the order's trace, and what is done after its replay is in it too."""
    request = children(spans, "", "POST /orders")[0]
    sent = children(spans, request.span_id, f"send {prefix}orders")[0]
    first, last, again = children(spans, sent.span_id, *3 * [f"process {prefix}orders"])
    assert (first.failed, last.failed, again.failed) == (True, True, False)
    children(spans, last.span_id, f"send {prefix}failed-payments")
    assert (last.instance, again.instance) == ("payments-0", "payments-1")
    assert_told(prefix, spans, again)


def assert_transactions(spans: list[Seen]) -> None:
    """Every transaction with a sampled record links to the attempts that it has committed, once each."""
    commits = [span for span in spans if span.name.startswith("commit ")]
    linked = [link for span in commits for link in span.links]
    assert len(set(linked)) == len(linked)
    names = [f"{span.service} {span.failed}" for span in spans if (span.trace_id, span.span_id) in linked]
    assert sorted(names) == [
        *3 * ["notification-service False"],
        *3 * ["payment-service False"],
        "payment-service True",
    ]


def assert_logs(pipeline: Pipeline, ids: set[str], dead_trace: str) -> None:
    """Every line is one object whose fields Elasticsearch would take; they name ids and nothing else."""
    texts = [process.log for process in pipeline.processes]
    lines = [json.loads(line) for text in texts for line in text.splitlines()]
    assert [trouble for line in lines for trouble in refused(line, field_types())] == []
    assert {line["service.name"] for line in lines} == {
        "order-service", "payment-service", "notification-service",
    }  # fmt: skip
    for told in (ITEM, "Insulin", r"735129\.4", r"\b735129\b", "73512941", "@example"):
        assert not any(re.search(told, text) for text in texts), told
    (letter,) = (line for line in lines if line["message"] == "dead letter")
    assert (letter["trace.id"], letter["user.id"], letter["orderflow.attempts"]) == (dead_trace, "u1", 2)
    assert letter["order.id"] in ids
    assert letter["kafka.topic"] == f"{pipeline.prefix}orders"
    assert letter["kafka.group"] == pipeline.group("payments")
    assert isinstance(letter["kafka.partition"] + letter["kafka.offset"], int)
    told_of = {line["order.id"]: line for line in lines if line["message"] == "notification"}
    assert told_of.keys() >= ids
    assert told_of[letter["order.id"]]["trace.id"] == dead_trace
    assert told_of[letter["order.id"]]["kafka.topic"] == f"{pipeline.prefix}payments"
