"""The Payment Service as a function: PAID goes with SUCCESS, DECLINED with FAILED, and nothing else."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import NOON, an_order, identifiers, orders

from orderflow.events import Event, InvalidEvent, Order, OrderStatus, Payment, encode
from orderflow.events.statuses import decode_status
from orderflow.payments.gateway import Charge, SimulatedGateway
from orderflow.payments.reaction import Declined, payment_service, readable, settled
from orderflow.payments.window import OrderIdConflict, Verdict, Window, digest_of, parse_digest
from orderflow.streaming.service import Delivery, Failure, FailureKind, Outcome, Service, WithHeaders

failures = st.builds(
    Failure,
    kind=st.sampled_from(["invalid", "exhausted", "unexpected"]),
    error=st.text().map(ValueError),
    attempts=st.integers(1, 5),
)
INVALID = Failure("invalid", InvalidEvent("must be greater than 0", "$.amount"), 1)


@dataclass
class Remembered:
    """A memory of everything, in one window."""

    window: Window = field(default_factory=lambda: Window(1000))

    def reassigned(self, gained: frozenset[int], owned: frozenset[int]) -> None: ...

    def find(self, order: Order, digest: int) -> Verdict | None:
        return self.window.find(order.order_id, digest)

    def settle(self, order: Order, digest: int, declined: str | None) -> None:
        self.window.add(0, order.order_id, digest, declined)

    def knows(self, order_id: str, user_id: str | None) -> bool:
        return order_id in self.window

    def forget(self, order_id: str) -> None:
        self.window.forget(order_id)


def a_service(success_rate: float = 1, **changes: object) -> Service[Order]:
    parts: dict[str, object] = {"unit_price": Decimal(1), "memory": Remembered()}
    return payment_service(SimulatedGateway(success_rate=success_rate), **(parts | changes))  # type: ignore[arg-type]


def plain(outcomes: Iterable[Outcome]) -> list[Event]:
    return [each.event if isinstance(each, WithHeaders) else each for each in outcomes]


def pay(service: Service[Order], order: Order, attempt: int = 1) -> list[Event]:
    return plain(service.react(order, Delivery(NOON, attempt)))


def bury(service: Service[Order], order: Order, failure: Failure = INVALID) -> list[Event]:
    return plain(service.bury(encode(order), failure, NOON))


@given(orders, st.integers(1, 5), st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_payment_and_status_always_agree(order: Order, attempt: int, declined: str | None) -> None:
    answer, delivery = Charge("PAY-1", declined), Delivery(NOON, attempt)
    payment, status = plain(settled(order, digest_of(order), answer, delivery))
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
def test_without_a_memory_a_redelivered_order_leads_to_the_same_events(order: Order) -> None:
    react = a_service(0.5, memory=None).react
    assert react(order, Delivery(NOON, 1)) == react(order, Delivery(NOON, 1))


def test_the_payment_tells_by_a_header_what_was_ordered() -> None:
    payment, status = a_service().react(an_order(), Delivery(NOON, 1))
    assert isinstance(payment, WithHeaders)
    ((name, value),) = payment.headers
    assert (name, parse_digest(value)) == ("order_digest", digest_of(an_order()))
    assert isinstance(status, OrderStatus)


@given(orders, st.sampled_from([0.0, 1.0]), st.integers(1, 5))
def test_an_order_that_comes_again_is_told_again_and_not_paid_again(
    order: Order, success_rate: float, attempt: int
) -> None:
    service = a_service(success_rate)
    _payment, status = pay(service, order)
    assert pay(service, msgspec.structs.replace(order, timestamp=NOON), attempt) == [status]


def test_an_id_that_comes_with_another_order_is_a_dead_letter_and_its_status_stays() -> None:
    service = a_service()
    pay(service, an_order())
    for other in (an_order(amount="11.00"), an_order(user_id="u2")):
        with pytest.raises(OrderIdConflict, match="belongs to another order") as conflict:
            pay(service, other)
        assert bury(service, other, Failure("invalid", conflict.value, 1)) == []


def test_an_invalid_order_leaves_the_status_of_the_order_that_has_its_id() -> None:
    service = a_service()
    pay(service, an_order())
    assert bury(service, an_order(amount="0")) == []
    assert [event.key for event in bury(service, an_order("o2", amount="0"))] == ["o2"]


def test_an_order_whose_payment_kafka_refuses_is_new_when_it_comes_again() -> None:
    service, refused = a_service(), Failure("invalid", ValueError("record too large"), 1)
    events = pay(service, an_order())
    (status,) = bury(service, an_order(), refused)
    assert isinstance(status, OrderStatus)
    assert status.status == "REJECTED"
    assert pay(service, an_order()) == events


def test_what_fails_for_another_reason_leaves_a_settled_order_as_it_is() -> None:
    service = a_service()
    pay(service, an_order())
    assert bury(service, an_order(), Failure("unexpected", ValueError("it kills the process"), 3)) == []
    assert len(pay(service, an_order())) == 1


def test_a_decline_is_retried_if_that_is_asked_for_and_final_after_the_last_attempt() -> None:
    service = a_service(0, retry_declined=True)
    for attempt in (1, 2, 3):
        with pytest.raises(Declined, match="declined by the issuer") as declined:
            pay(service, an_order(), attempt)
    payment, status = bury(service, an_order(), Failure("exhausted", declined.value, 3))
    assert (payment, status) == tuple(pay(a_service(0), an_order(), 3))
    assert isinstance(payment, Payment)
    assert payment.attempts == 3
    assert pay(service, an_order()) == [status], "replayed"


def test_an_order_that_may_be_retried_is_paid_like_any_other() -> None:
    assert pay(a_service(1, retry_declined=True), an_order()) == pay(a_service(1), an_order())


def test_the_service_reads_both_forms_at_its_own_unit_price() -> None:
    service = a_service(unit_price=Decimal("2.50"), concurrency=3)
    short = b'{"order_id":"o1","user_id":"u1","item":"Pen","quantity":4}'
    assert service.decode(short, NOON) == Order("o1", "u1", Decimal("10.00"), 4, NOON, "Pen")
    assert service.decode(encode(an_order()), NOON) == an_order()
    assert service.concurrency == 3


def test_the_service_names_the_topics_and_the_group_of_the_contract() -> None:
    service = a_service()
    assert (service.name, service.reads) == ("payment-service", ("orders",))
    assert service.writes == ("payments", "order-status")
    assert (service.dead_letters, service.exhausted_letters) == ("failed-orders", "failed-payments")


@pytest.mark.parametrize(
    ("kind", "status"), [("invalid", "REJECTED"), ("unexpected", "REJECTED"), ("exhausted", "FAILED")]
)
def test_the_status_of_a_dead_letter_says_how_it_failed(kind: FailureKind, status: str) -> None:
    failure = Failure(kind, InvalidEvent("must be greater than 0", "$.amount"), 1)
    (told,) = a_service().bury(b'{"order_id":"o9","amount":0}', failure, NOON)
    assert told == OrderStatus("o9", status, NOON, "InvalidEvent: $.amount: must be greater than 0")  # type: ignore[arg-type]


@given(st.binary() | identifiers.map(lambda each: json.dumps({"order_id": each}).encode()), failures)
@example(b"[" * 100_000, Failure("invalid", ValueError(), 1))
@example(b'{"order_id":' * 5_000, Failure("invalid", ValueError(), 1))
@example(b'{"order_id":"o1"}', Failure("unexpected", ValueError("\ud800" * 1000), 1))
@example(b'{"order_id":"o1"}', Failure("unexpected", ValueError("x" * 2_000_000), 1))
def test_telling_of_a_dead_letter_never_fails_and_can_be_written(value: bytes, failure: Failure) -> None:
    for event in a_service().bury(value, failure, NOON):
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
    assert readable(value, "order_id") is None
    assert a_service().bury(value, Failure("invalid", ValueError(), 1), NOON) == ()
