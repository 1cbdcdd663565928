"""Notifications by e-mail: through a real SMTP server, alone and from a worker that reads a real topic."""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from support.builders import a_notification, a_payment
from support.eventually import eventually
from support.mail import HOST, PASSWORD, USER, Mailbox, log_in, mail_server, self_signed
from support.pipeline import Pipeline

from orderflow.events import InvalidEvent, encode
from orderflow.notifications.delivery import MailServerUnavailable, SmtpDelivery, message_id
from orderflow.notifications.settings import NotificationSettings
from orderflow_local.net import free_port
from orderflow_process.settings import load

RUSSIAN = "Ваш заказ o1 оплачен: 10.50. Спасибо! Подробности — в письме; " + "длинная строка " * 40


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def serve(mailbox: Mailbox) -> Iterator[Callable[..., Controller]]:
    """A factory of started servers that fill the mailbox; stopped with the test."""
    with ExitStack() as started:

        def start(**options: object) -> Controller:
            server = mail_server(mailbox, **options)
            server.start()
            started.callback(server.stop, no_assert=True)
            return server

        yield start


def delivery(port: int, **changes: object) -> SmtpDelivery:
    settings = {"smtp_host": HOST, "smtp_port": port, "smtp_timeout_seconds": 10} | changes
    return SmtpDelivery(load(NotificationSettings, settings))


def test_a_mail_arrives_with_its_text_sender_recipient_and_id(
    mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    delivery(serve().port).deliver(a_notification(text="Your order o1 is paid."), "Order o1 is paid")
    (mail,) = mailbox.mails
    assert mailbox.recipients == ["u1@example.invalid"]
    assert (mail["From"], mail["To"]) == ("orders@example.invalid", "u1@example.invalid")
    assert mail["Subject"] == "Order o1 is paid"
    assert mail["Message-ID"] == f"<{message_id(a_notification())}@example.invalid>"
    assert mail["Date"]
    assert mail.get_content() == "Your order o1 is paid.\r\n"


def test_a_second_delivery_is_recognised_by_its_id(
    mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    way = delivery(serve().port)
    for user_id in ("u1", "u1", "u2"):
        way.deliver(a_notification(user_id), "s")
    first, again, other = (mail["Message-ID"] for mail in mailbox.mails)
    assert first == again != other


def test_russian_is_readable_in_subject_and_text(mailbox: Mailbox, serve: Callable[..., Controller]) -> None:
    delivery(serve().port).deliver(a_notification(text=RUSSIAN), "Заказ o1 оплачен")
    (mail,) = mailbox.mails
    assert mail["Subject"] == "Заказ o1 оплачен"
    assert mail.get_content().rstrip("\r\n") == RUSSIAN
    assert mail.get_content_charset() == "utf-8"


def test_a_recipient_refused_for_good_is_given_up(mailbox: Mailbox, serve: Callable[..., Controller]) -> None:
    mailbox.answers["u1@example.invalid"] = "550 no such user"
    with pytest.raises(InvalidEvent, match=r"^\$\.user_id: the mail server refuses the address: 550 no"):
        delivery(serve().port).deliver(a_notification(), "s")
    assert mailbox.mails == []


def test_a_recipient_refused_for_now_is_tried_again(
    mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    mailbox.answers["u1@example.invalid"] = "450 come back later"
    way = delivery(serve().port)
    with pytest.raises(MailServerUnavailable, match="come back later"):
        way.deliver(a_notification(), "s")
    mailbox.answers.clear()
    way.deliver(a_notification(), "s")
    assert len(mailbox.mails) == 1


def test_a_mail_the_server_will_not_take_is_tried_again(
    mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    with pytest.raises(MailServerUnavailable, match="552"):
        delivery(serve(data_size_limit=100).port).deliver(a_notification(text="x" * 1000), "s")
    assert mailbox.mails == []


def test_a_server_that_is_down_is_unavailable() -> None:
    with pytest.raises(MailServerUnavailable, match="ConnectionRefusedError"):
        delivery(free_port()).deliver(a_notification(), "s")


def test_a_server_nobody_knows_is_unavailable() -> None:
    with pytest.raises(MailServerUnavailable):
        delivery(25, smtp_host="nowhere.invalid").deliver(a_notification(), "s")


def test_a_user_whose_id_makes_no_address_reaches_nobody(
    mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    with pytest.raises(InvalidEvent, match="makes no mail address"):
        delivery(serve().port).deliver(a_notification(user_id="staff:ann"), "s")
    assert mailbox.recipients == []


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A certificate of 127.0.0.1 that nobody trusts yet."""
    made = self_signed(tmp_path)
    if made is None:
        pytest.skip("openssl is not installed")
    return made


def test_an_encrypted_delivery_logs_in(
    mailbox: Mailbox,
    serve: Callable[..., Controller],
    certificate: tuple[ssl.SSLContext, Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    context, trusted = certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    server = serve(tls_context=context, require_starttls=True, authenticator=log_in, auth_required=True)
    login = {"smtp_starttls": True, "smtp_username": USER.decode()}
    delivery(server.port, smtp_password=PASSWORD.decode(), **login).deliver(a_notification(), "s")
    assert len(mailbox.mails) == 1
    with pytest.raises(MailServerUnavailable, match="SMTPAuthenticationError"):
        delivery(server.port, smtp_password="wrong", **login).deliver(a_notification(), "s")
    with pytest.raises(MailServerUnavailable, match="530"):
        delivery(server.port).deliver(a_notification(), "s")
    assert len(mailbox.mails) == 1


def test_a_server_that_cannot_prove_who_it_is_gets_no_mail(
    mailbox: Mailbox, serve: Callable[..., Controller], certificate: tuple[ssl.SSLContext, Path]
) -> None:
    with pytest.raises(MailServerUnavailable, match="SSLCertVerificationError"):
        delivery(serve(tls_context=certificate[0]).port, smtp_starttls=True).deliver(a_notification(), "s")
    assert mailbox.mails == []


def test_a_worker_mails_every_payment_and_keeps_what_it_cannot_deliver(
    pipeline: Pipeline, mailbox: Mailbox, serve: Callable[..., Controller]
) -> None:
    mailbox.answers["u2@example.invalid"] = "550 no such user"
    server = serve()
    payments = [a_payment(order_id=f"o{number}", user_id=f"u{number}") for number in range(4)]
    pipeline.produce("payments", [(each.user_id, encode(each)) for each in payments])

    pipeline.start("notifications", smtp_host=HOST, smtp_port=server.port, notification_language="ru")

    eventually(lambda: len(pipeline.values("notifications")) == 4, within=40)
    assert sorted(mailbox.recipients) == [f"u{number}@example.invalid" for number in (0, 1, 3)]
    texts = {mail["To"]: mail.get_content().strip() for mail in mailbox.mails}
    assert texts["u3@example.invalid"] == "Ваш заказ o3 оплачен: 10.50. Спасибо!"
    recorded = {each["user_id"]: each["message"] for each in pipeline.values("notifications")}
    assert recorded["u3"] == texts["u3@example.invalid"]
    (letter,) = pipeline.read("failed-notifications")
    assert (letter.key(), letter.value()) == (b"u2", encode(payments[2]))
    assert dict(letter.headers() or [])["dlq.error.class"] == b"InvalidEvent"


def test_without_a_mail_server_a_notification_is_a_dead_letter_and_is_recorded(pipeline: Pipeline) -> None:
    pipeline.produce("payments", [("u1", encode(a_payment()))])

    pipeline.start("notifications", smtp_host=HOST, smtp_port=free_port(), worker_max_attempts=2)

    (letter,) = eventually(lambda: pipeline.read("failed-notifications"), within=40)
    headers = dict(letter.headers() or [])
    assert headers["dlq.error.class"] == b"MailServerUnavailable"
    assert headers["dlq.attempts"] == b"2"
    (recorded,) = pipeline.values("notifications")
    assert recorded["order_id"] == "o1"
