"""One order's way as the topics tell it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field

from orderflow.events import InvalidEvent
from orderflow.events.notifications import decode_notification
from orderflow.events.payments import decode_payment
from orderflow.events.statuses import decode_status
from orderflow.events.topics import NOTIFICATIONS, ORDER_STATUS, PAYMENTS

TOPICS = (ORDER_STATUS, PAYMENTS, NOTIFICATIONS)

# The exit code of `orderflow orders watch` for each way an order can end.
EXIT_CODES = {"PAID": 0, "DECLINED": 3, "REJECTED": 4, "FAILED": 4}


@dataclass(slots=True)
class Story:
    """Picks the records of one order out of TOPICS and knows when nothing more will come."""

    order_id: str
    status: str | None = None
    notified: bool = False
    _needle: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._needle = self.order_id.encode()

    @property
    def final(self) -> bool:
        """Whether the order has ended: decided and its user told, or given up."""
        return self.status in ("REJECTED", "FAILED") or (self.status in EXIT_CODES and self.notified)

    @property
    def exit_code(self) -> int | None:
        """Return the exit code of the order's status, or None while it is open."""
        return EXIT_CODES.get(self.status or "")

    def take(self, topic: str, value: bytes | None) -> tuple[str, str] | None:
        """Return what a record says of the order, as a word and a sentence; None if it is not of it."""
        if value is None or self._needle not in value:
            return None
        try:
            return self._read(topic, value)
        except InvalidEvent:
            return None

    def _read(self, topic: str, value: bytes) -> tuple[str, str] | None:
        if topic == ORDER_STATUS:
            status = decode_status(value)
            if status.order_id != self.order_id:
                return None
            self.status = status.status
            return status.status, status.reason or ""
        if topic == PAYMENTS:
            payment = decode_payment(value)
            if payment.order_id != self.order_id:
                return None
            what = f"{payment.amount} of {payment.user_id}, attempt {payment.attempts}, {payment.payment_id}"
            return f"payment {payment.status}", f"{what}: {payment.reason}" if payment.reason else what
        notification = decode_notification(value)
        if notification.order_id != self.order_id:
            return None
        self.notified = True
        return f"notification {notification.type}", notification.message
