"""One order's story: its own records, in words, and when it is over."""

import pytest
from support.builders import NOON, a_notification, a_payment

from orderflow.cli.story import Story
from orderflow.events import OrderStatus, encode
from orderflow.events.statuses import Status


def status(name: Status, order_id: str = "o1", reason: str | None = None) -> bytes:
    return encode(OrderStatus(order_id, name, NOON, reason))


def test_a_paid_order_is_over_once_its_user_was_told() -> None:
    story = Story("o1")
    assert story.take("order-status", status("PENDING")) == ("PENDING", "")
    assert story.take("payments", encode(a_payment())) == (
        "payment SUCCESS",
        "10.50 of u1, attempt 1, PAY-1",
    )
    assert story.take("order-status", status("PAID")) == ("PAID", "")
    assert not story.final
    assert story.take("notifications", encode(a_notification())) == ("notification EMAIL", "Paid.")
    assert story.final
    assert story.exit_code == 0


@pytest.mark.parametrize(("name", "code"), [("REJECTED", 4), ("FAILED", 4)])
def test_an_order_that_ended_without_a_payment_is_over_at_once(name: Status, code: int) -> None:
    story = Story("o1")
    assert story.take("order-status", status(name, reason="InvalidEvent: no")) == (name, "InvalidEvent: no")
    assert (story.final, story.exit_code) == (True, code)


def test_a_declined_payment_tells_why() -> None:
    said = Story("o1").take("payments", encode(a_payment(status="FAILED", reason="insufficient funds")))
    assert said == ("payment FAILED", "10.50 of u1, attempt 1, PAY-1: insufficient funds")


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        pytest.param("order-status", status("PAID", order_id="o11"), id="an id that contains ours"),
        pytest.param("payments", encode(a_payment(order_id="x", reason="like o1")), id="our id in a text"),
        pytest.param("notifications", encode(a_notification(order_id="x", text="o1")), id="in a message"),
        pytest.param("order-status", b"o1 is not JSON", id="not an event"),
        pytest.param("order-status", None, id="a tombstone"),
    ],
)
def test_records_of_others_are_not_told(topic: str, value: bytes | None) -> None:
    story = Story("o1")
    assert story.take(topic, value) is None
    assert story.status is None
