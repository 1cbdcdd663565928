"""Notifications: what a user was told about an order."""

from __future__ import annotations

from typing import ClassVar, Literal

from orderflow.events.base import Event, Identifier, decoder
from orderflow.events.payments import PaymentResult


class Notification(Event, frozen=True):
    """A text for the user about the payment of an order."""

    topic: ClassVar[str] = "notifications"

    order_id: Identifier
    user_id: Identifier
    status: PaymentResult
    message: str
    type: Literal["EMAIL"] = "EMAIL"

    @property
    def key(self) -> str:
        return self.user_id

    @property
    def correlation_id(self) -> str:
        return self.order_id


decode_notification = decoder(Notification)
