"""What a payment leads to: the user is told, and the notification is recorded."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from orderflow.events import Event, InvalidEvent, Notification, Payment, decode_payment
from orderflow.events.topics import FAILED_NOTIFICATIONS
from orderflow.notifications.delivery import Delivery as Way
from orderflow.notifications.templates import Language, subject_of, text_of
from orderflow.streaming.service import Delivery, Failure, Service


def notification_service(way: Way, *, language: Language = "en", concurrency: int = 1) -> Service[Payment]:
    """Return the Notification Service, delivering by `way`."""

    def tell(payment: Payment, _delivery: Delivery) -> Sequence[Event]:
        notification = notification_of(payment, language)
        way.deliver(notification, subject_of(payment, language))
        return (notification,)

    def record_undelivered(value: bytes, _failure: Failure, _at: datetime) -> Sequence[Event]:
        """An undeliverable notification is recorded all the same: the user can still look it up."""
        try:
            return (notification_of(decode_payment(value), language),)
        except InvalidEvent:
            return ()

    return Service(
        name="notification-service",
        reads=(Payment.topic,),
        writes=(Notification.topic,),
        dead_letters=FAILED_NOTIFICATIONS,
        decode=lambda value, _at: decode_payment(value),
        react=tell,
        bury=record_undelivered,
        concurrency=concurrency,
    )


def notification_of(payment: Payment, language: Language) -> Notification:
    """Return the notification that a payment calls for."""
    return Notification(payment.order_id, payment.user_id, payment.status, text_of(payment, language))
