"""The Notification Service as a function: a payment is told once, and what cannot be told is recorded."""

from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from structlog.testing import capture_logs
from support.builders import NOON, a_notification, a_payment, identifiers, payments, record

from orderflow.events import InvalidEvent, Notification, Payment, encode
from orderflow.events.notifications import decode_notification
from orderflow.notifications.delivery import LogDelivery, SmtpDelivery, message_id
from orderflow.notifications.reaction import notification_service
from orderflow.notifications.settings import NotificationSettings
from orderflow.streaming.handling import Handling
from orderflow.streaming.service import Delivery, Failure
from orderflow_process.settings import load

NOW = Delivery(NOON, 1)
HEADERS = ["From", "To", "Subject", "Date", "Message-ID"]
MIME_HEADERS = ["Content-Type", "Content-Transfer-Encoding", "MIME-Version"]
REFUSED = Failure("invalid", InvalidEvent("refused"), 1)


@dataclass
class Outbox:
    """A way to users that keeps what it was given, or refuses all of it."""

    refuses: bool = False
    sent: list[tuple[Notification, str]] = field(default_factory=list)

    def deliver(self, notification: Notification, subject: str) -> None:
        if self.refuses:
            raise InvalidEvent("no such user", "$.user_id")
        self.sent.append((notification, subject))


def smtp(**changes: object) -> SmtpDelivery:
    return SmtpDelivery(load(NotificationSettings, {"smtp_host": "127.0.0.1", **changes}))


@given(payments)
def test_a_payment_is_told_and_recorded_alike(payment: Payment) -> None:
    outbox = Outbox()
    (recorded,) = notification_service(outbox).react(payment, NOW)
    ((sent, _subject),) = outbox.sent
    assert recorded == sent
    assert isinstance(recorded, Notification)
    assert (recorded.order_id, recorded.user_id) == (payment.order_id, payment.user_id)
    assert (recorded.status, recorded.type) == (payment.status, "EMAIL")


@given(payments)
def test_a_redelivered_payment_leads_to_the_same_notification(payment: Payment) -> None:
    service = notification_service(Outbox(), language="ru")
    assert service.react(payment, NOW) == service.react(payment, Delivery(NOON, 2))


def test_an_undeliverable_notification_is_recorded_beside_its_dead_letter() -> None:
    at_work = Handling(notification_service(Outbox(refuses=True)), group="g")
    (done,) = at_work.handle([record(encode(a_payment()), partition=("payments", 0))], NOON).done
    letter, told = done.outgoing
    assert letter[:3] == ("failed-notifications", b"u1", encode(a_payment()))
    assert told[0] == "notifications"
    assert decode_notification(told[2] or b"").message == "Your order o1 is paid: 10.50. Thank you!"


def test_a_payment_as_large_as_its_topic_takes_leads_to_a_notification_that_fits() -> None:
    payment = a_payment(status="FAILED", reason="\x01" * 170_000)
    value = encode(payment)
    assert 1_000_000 < len(value) < 1_048_588
    (done,) = Handling(notification_service(Outbox()), group="g").handle([record(value)], NOON).done
    assert [topic for topic, *_ in done.outgoing] == ["notifications"]


@given(st.binary() | payments.map(encode))
@example(b"[" * 100_000)
@example(encode(a_payment()).replace(b"10.50", b'"NaN"'))
def test_recording_what_was_not_delivered_never_fails(value: bytes) -> None:
    for event in notification_service(Outbox()).bury(value, REFUSED, NOON):
        assert isinstance(event, Notification)
        assert decode_notification(encode(event)) == event


def test_the_service_names_the_topics_and_the_group_of_the_contract() -> None:
    service = notification_service(Outbox(), concurrency=4)
    assert (service.name, service.reads, service.writes) == (
        "notification-service",
        ("payments",),
        ("notifications",),
    )
    assert service.dead_letters == service.exhausted_letters == "failed-notifications"
    assert service.concurrency == 4


def test_delivery_to_the_log_names_the_order_the_user_and_the_subject() -> None:
    with capture_logs() as lines:
        LogDelivery().deliver(a_notification(), "Order o1 is paid")
    assert lines == [
        {
            "event": "notification",
            "log_level": "info",
            "order_id": "o1",
            "user_id": "u1",
            "subject": "Order o1 is paid",
        }
    ]


@given(identifiers, identifiers)
def test_a_second_mail_of_one_notification_carries_the_same_id(user_id: str, order_id: str) -> None:
    first, again = a_notification(user_id, order_id), a_notification(user_id, order_id, text="retold")
    assert message_id(first) == message_id(again)


def test_mails_of_different_notifications_differ_in_their_id() -> None:
    told = [
        a_notification(),
        a_notification(user_id="u2"),
        a_notification(order_id="o2"),
        Notification("o1", "u1", "FAILED", "Paid."),
    ]
    assert len({message_id(each) for each in told}) == len(told)


@pytest.mark.parametrize(
    "smtp_from", ["shop@mail.example", "The Shop <shop@mail.example>"], ids=["bare", "with a name"]
)
def test_the_message_id_is_of_the_senders_domain(smtp_from: str) -> None:
    mail = smtp(smtp_from=smtp_from).mail(a_notification(), "Order o1 is paid")
    assert mail["Message-ID"] == f"<{message_id(a_notification())}@mail.example>"
    assert (mail["From"], mail["To"], mail["Subject"]) == (
        smtp_from,
        "u1@example.invalid",
        "Order o1 is paid",
    )


def test_users_whose_ids_are_addresses_are_written_to_there() -> None:
    mail = smtp(smtp_to_template="{user_id}").mail(a_notification(user_id="ann@mail.example"), "s")
    assert mail["To"] == "ann@mail.example"


@pytest.mark.parametrize(
    "user_id",
    [
        pytest.param("ann@mail.example", id="an address in front of the address"),
        pytest.param("staff:ann", id="a group of addresses"),
        pytest.param("ann..b", id="two dots"),
        pytest.param(".", id="a dot"),
        pytest.param("@", id="an at sign"),
        pytest.param(":", id="a colon"),
    ],
)
def test_a_user_whose_id_makes_no_address_gets_no_mail_and_nobody_else_does(user_id: str) -> None:
    with pytest.raises(InvalidEvent, match=r"^\$\.user_id: makes no mail address"):
        smtp().mail(a_notification(user_id=user_id), "s")


@given(identifiers, st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_a_mail_is_to_its_user_alone_or_is_not_made(user_id: str, text: str) -> None:
    with suppress(InvalidEvent):
        mail = smtp().mail(a_notification(user_id, text=text), "Заказ оплачен")
        (address,) = mail["To"].addresses
        assert address.addr_spec == f"{user_id}@example.invalid"
        assert sorted(mail.keys()) == sorted([*HEADERS, *MIME_HEADERS])
        mail.as_bytes()
