"""What a worker's spans say of attempts, of what was written, and of the transaction around it."""

from collections.abc import Iterable
from decimal import Decimal

import pytest
from support.builders import NOON, TRACE, an_order, record
from support.spans import Kept

from orderflow.events import Event, Order, OrderStatus, encode
from orderflow.events.orders import decode_order
from orderflow.observability.records import RecordSpans
from orderflow.observability.spans import Context, Span
from orderflow.observability.traceparent import context_of, traceparent_of
from orderflow.streaming.batches import Headers, Record
from orderflow.streaming.handling import Handling
from orderflow.streaming.service import Delivery, Service, TransientError

UNSAMPLED = TRACE[:-1] + b"0"


class GatewayAway(TransientError):
    """For reactions that fail."""


def react(order: Order, delivery: Delivery) -> Iterable[Event]:
    if order.order_id == "fails" or (order.order_id == "later" and delivery.attempt == 1):
        raise GatewayAway("no answer")
    return [OrderStatus(order.order_id, "PAID", delivery.at)]


def placed(
    order_id: str, traceparent: bytes | None, *, offset: int = 7, last: Headers | None = None
) -> Record:
    headers: Headers = [("traceparent", traceparent), *(last or [])]
    return record(encode(an_order(order_id)), offset=offset, headers=headers)


@pytest.fixture
def tracer() -> Kept:
    return Kept()


@pytest.fixture
def spans(tracer: Kept) -> RecordSpans:
    return RecordSpans(tracer, group="payment-service", client_id="payments-0")


@pytest.fixture
def handling(spans: RecordSpans) -> Handling[Order]:
    service = Service(
        name="payment-service",
        reads=("orders",),
        writes=("order-status",),
        dead_letters="failed-orders",
        decode=lambda value, at: decode_order(value, received_at=at, unit_price=Decimal(1)),
        react=react,
        bury=lambda _value, _failure, at: [OrderStatus("fails", "FAILED", at)],
    )
    return Handling(service, group="payment-service", max_attempts=2, spans=spans)


def by_name(tracer: Kept) -> dict[str, Span]:
    return {span.name: span for span in tracer.spans}


def test_what_follows_carries_the_span_that_sent_it(
    handling: Handling[Order], spans: RecordSpans, tracer: Kept
) -> None:
    (done,) = handling.handle([placed("good", TRACE, last=[("order_digest", b"1")])], NOON).done
    spans.committed([done], 0.25)
    told = by_name(tracer)
    process, sent, commit = told["process orders"], told["send order-status"], told["commit payment-service"]
    assert process.parent == context_of(TRACE)
    assert sent.parent == process.context
    assert dict(done.outgoing[0][3])["traceparent"] == traceparent_of(sent.context)
    assert commit.links == (process.context,)
    assert commit.context.trace_id != process.context.trace_id
    assert commit.end - commit.start == 250_000_000
    assert process.start <= process.end == sent.start <= sent.end


@pytest.mark.parametrize("traceparent", [UNSAMPLED, None, b"", b"bad", TRACE[:-1] + b"2"])
def test_a_record_that_is_not_sampled_has_no_span_and_passes_its_context_on(
    handling: Handling[Order], spans: RecordSpans, tracer: Kept, traceparent: bytes | None
) -> None:
    (done,) = handling.handle([placed("good", traceparent)], NOON).done
    spans.committed([done], 0.1)
    assert (tracer.spans, done.span) == ([], None)
    if traceparent in (UNSAMPLED, TRACE[:-1] + b"2"):
        assert dict(done.outgoing[0][3])["traceparent"] == traceparent


def test_every_attempt_is_a_span_under_the_record_s_own(handling: Handling[Order], tracer: Kept) -> None:
    order = placed("later", TRACE)
    assert handling.handle([order], NOON).held
    assert handling.handle([order], NOON, attempt=2).done
    first, second = tracer.spans
    assert first.parent == second.parent == context_of(TRACE)
    assert (first.error, first.attributes["error.type"]) == ("no answer", "GatewayAway")
    assert (second.error, second.attributes["orderflow.attempt"]) == (None, 2)


def test_a_dead_letter_keeps_the_context_of_its_record_and_what_tells_of_it_has_ours(
    handling: Handling[Order], spans: RecordSpans, tracer: Kept
) -> None:
    (done,) = handling.handle([placed("fails", TRACE)], NOON, attempt=2).done
    spans.committed([done], 0.1)
    letter, status = done.outgoing
    assert dict(letter[3])["traceparent"] == TRACE
    sent = by_name(tracer)["send failed-orders"]
    assert dict(status[3])["traceparent"] == traceparent_of(sent.context)
    assert by_name(tracer)["process orders"].error == "no answer"


def test_a_transaction_links_to_its_sampled_records_and_counts_all(
    handling: Handling[Order], spans: RecordSpans, tracer: Kept
) -> None:
    records = [placed("good", TRACE if n % 2 else UNSAMPLED, offset=n) for n in range(300)]
    spans.committed(handling.handle(records, NOON).done, 0.1)
    commit = by_name(tracer)["commit payment-service"]
    assert commit.attributes["messaging.batch.message_count"] == 300
    assert len(commit.links) == 128
    sampled: set[Context] = {span.context for span in tracer.spans if span.name == "process orders"}
    assert len(sampled) == 150
    assert set(commit.links) < sampled
