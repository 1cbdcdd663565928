"""The Payment Service as a function: PAID goes with SUCCESS, DECLINED with FAILED, and nothing else."""

import json
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import NOON, an_order, identifiers, orders

from orderflow.events import InvalidEvent, Order, OrderStatus, Payment, encode
from orderflow.events.statuses import decode_status
from orderflow.payments.gateway import Charge, SimulatedGateway
from orderflow.payments.reaction import payment_service, readable_order_id, settled, tell_of_dead_letter
from orderflow.streaming.service import Delivery, Failure, FailureKind

failures = st.builds(
    Failure,
    kind=st.sampled_from(["invalid", "exhausted", "unexpected"]),
    error=st.text().map(ValueError),
    attempts=st.integers(1, 5),
)


@given(orders, st.integers(1, 5), st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_payment_and_status_always_agree(order: Order, attempt: int, declined: str | None) -> None:
    payment, status = settled(order, Charge("PAY-1", declined), Delivery(NOON, attempt))
    assert isinstance(payment, Payment)
    assert isinstance(status, OrderStatus)
    assert (payment.status, status.status) in {("SUCCESS", "PAID"), ("FAILED", "DECLINED")}
    assert (payment.status == "SUCCESS") is (declined is None)
    assert payment.reason == status.reason == declined
    assert (payment.order_id, payment.user_id, payment.amount) == (
        order.order_id,
        order.user_id,
        order.amount,
    )
    assert (payment.payment_id, payment.attempts) == ("PAY-1", attempt)
    assert (status.order_id, status.updated_at) == (order.order_id, NOON)


@given(orders)
def test_a_redelivered_order_leads_to_the_same_events(order: Order) -> None:
    react = payment_service(SimulatedGateway(success_rate=0.5), unit_price=Decimal(1)).react
    assert react(order, Delivery(NOON, 1)) == react(order, Delivery(NOON, 1))


def test_the_service_reads_both_forms_at_its_own_unit_price() -> None:
    service = payment_service(SimulatedGateway(success_rate=1), unit_price=Decimal("2.50"), concurrency=3)
    short = b'{"order_id":"o1","user_id":"u1","item":"Pen","quantity":4}'
    assert service.decode(short, NOON) == Order("o1", "u1", Decimal("10.00"), 4, NOON, "Pen")
    assert service.decode(encode(an_order()), NOON) == an_order()
    assert service.concurrency == 3


def test_the_service_names_the_topics_and_the_group_of_the_contract() -> None:
    service = payment_service(SimulatedGateway(success_rate=1), unit_price=Decimal(1))
    assert (service.name, service.reads) == ("payment-service", ("orders",))
    assert service.writes == ("payments", "order-status")
    assert (service.dead_letters, service.exhausted_letters) == ("failed-orders", "failed-payments")


@pytest.mark.parametrize(
    ("kind", "status"), [("invalid", "REJECTED"), ("unexpected", "REJECTED"), ("exhausted", "FAILED")]
)
def test_the_status_of_a_dead_letter_says_how_it_failed(kind: FailureKind, status: str) -> None:
    failure = Failure(kind, InvalidEvent("must be greater than 0", "$.amount"), 1)
    (told,) = tell_of_dead_letter(b'{"order_id":"o9","amount":0}', failure, NOON)
    assert told == OrderStatus("o9", status, NOON, "InvalidEvent: $.amount: must be greater than 0")  # type: ignore[arg-type]


@given(st.binary() | identifiers.map(lambda each: json.dumps({"order_id": each}).encode()), failures)
@example(b"[" * 100_000, Failure("invalid", ValueError(), 1))
@example(b'{"order_id":' * 5_000, Failure("invalid", ValueError(), 1))
@example(b'{"order_id":"o1"}', Failure("unexpected", ValueError("\ud800" * 1000), 1))
@example(b'{"order_id":"o1"}', Failure("unexpected", ValueError("x" * 2_000_000), 1))
def test_telling_of_a_dead_letter_never_fails_and_can_be_written(value: bytes, failure: Failure) -> None:
    for event in tell_of_dead_letter(value, failure, NOON):
        assert isinstance(event, OrderStatus)
        assert decode_status(encode(event)) == event
        assert len(encode(event)) < 10_000


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(b"null", id="null"),
        pytest.param(b'["order_id"]', id="a list"),
        pytest.param(b'{"order_id":7}', id="a number"),
        pytest.param(b'{"order_id":"a b"}', id="an id with a space"),
        pytest.param(b'{"order_id":"o1\\n"}', id="an id with a line break"),
        pytest.param(b'{"order_id":"\xff"}', id="an id that is not UTF-8"),
        pytest.param(b'{"order_id":"o1"', id="cut short"),
    ],
)
def test_an_order_whose_id_cannot_be_read_has_no_status(value: bytes) -> None:
    assert readable_order_id(value) is None
    assert tell_of_dead_letter(value, Failure("invalid", ValueError(), 1), NOON) == ()
