"""How a notification reaches its user: the log, or e-mail by SMTP. At least once; ids are stable."""

from __future__ import annotations

import smtplib
import ssl
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from hashlib import blake2b
from typing import Protocol

import structlog

from orderflow.events import InvalidEvent, Notification
from orderflow.notifications.settings import NotificationSettings
from orderflow.streaming.service import TransientError

log = structlog.get_logger(__name__)


class MailServerUnavailable(TransientError):
    """The mail server did not take the mail this time."""


class Delivery(Protocol):
    """A way to a user."""

    def deliver(self, notification: Notification, subject: str) -> None:
        """Return once it is on its way; raise TransientError to be asked again, InvalidEvent to give up."""


class LogDelivery:
    """Writes notifications to the log, which escapes what a terminal would obey."""

    def deliver(self, notification: Notification, subject: str) -> None:
        log.info(
            "notification", order_id=notification.order_id, user_id=notification.user_id, subject=subject
        )


class SmtpDelivery:
    """Sends e-mails, one connection each: simple, and no idle connection that the server has closed."""

    def __init__(self, settings: NotificationSettings) -> None:
        self._settings = settings

    def deliver(self, notification: Notification, subject: str) -> None:
        mail = self.mail(notification, subject)
        try:
            self._send(mail)
        except smtplib.SMTPRecipientsRefused as error:
            answer = _without_address(error)
            if any(code < 500 for code, _text in error.recipients.values()):
                raise MailServerUnavailable(f"{type(error).__name__}: {answer}") from error
            raise InvalidEvent(f"the mail server refuses the address: {answer}", "$.user_id") from error
        except (OSError, smtplib.SMTPException) as error:
            raise MailServerUnavailable(f"{type(error).__name__}: {error}") from error

    def mail(self, notification: Notification, subject: str) -> EmailMessage:
        """Return the e-mail of a notification. A second delivery carries the same Message-ID."""
        mail = EmailMessage()
        mail["From"] = self._settings.smtp_from
        mail["To"] = self._address_of(notification.user_id)
        mail["Subject"] = subject
        mail["Date"] = formatdate()
        domain = parseaddr(self._settings.smtp_from)[1].rpartition("@")[2]
        mail["Message-ID"] = f"<{message_id(notification)}@{domain}>"
        mail.set_content(notification.message)
        return mail

    def _address_of(self, user_id: str) -> Address:
        # Parsed as one address: in a header, "admin:bob@..." is a group, and the mail goes to bob.
        try:
            return Address(addr_spec=self._settings.smtp_to_template.format(user_id=user_id))
        except (ValueError, MessageError) as error:
            raise InvalidEvent(f"makes no mail address: {error}", "$.user_id") from error

    def _send(self, mail: EmailMessage) -> None:
        settings = self._settings
        host, timeout = settings.smtp_host or "", settings.smtp_timeout_seconds
        with smtplib.SMTP(host, settings.smtp_port, timeout=timeout) as server:
            if settings.smtp_starttls:
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_username:
                server.login(settings.smtp_username, settings.smtp_password or "")
            server.send_message(mail)


def _without_address(refused: smtplib.SMTPRecipientsRefused) -> str:
    """Return what the server said, for logs and dead letters, which name users by their ids only."""
    said = {
        f"{code} {text.decode('utf-8', 'replace').replace(address, 'the address')}"
        for address, (code, text) in refused.recipients.items()
    }
    return "; ".join(sorted(said))


def message_id(notification: Notification) -> str:
    """Return the part before the @ of a notification's Message-ID, the same for every delivery of it."""
    identity = f"{notification.user_id} {notification.order_id} {notification.status}"
    return f"notification.{blake2b(identity.encode(), digest_size=16).hexdigest()}"
