"""Payments: what the gateway answered for one order."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Literal

from orderflow.events.base import Event, Identifier, decoder
from orderflow.events.money import check_amount

PaymentResult = Literal["SUCCESS", "FAILED"]


class Payment(Event, frozen=True, omit_defaults=True):
    """An order was charged (SUCCESS) or declined (FAILED); final either way."""

    topic: ClassVar[str] = "payments"

    order_id: Identifier
    user_id: Identifier
    amount: Decimal
    status: PaymentResult
    payment_id: Identifier
    attempts: int
    reason: str | None = None

    @property
    def key(self) -> str:
        return self.user_id

    @property
    def correlation_id(self) -> str:
        return self.order_id


_decode = decoder(Payment)


def decode_payment(value: bytes) -> Payment:
    """Return the payment in a record of `payments`; raise InvalidEvent if there is none."""
    payment = _decode(value)
    check_amount(payment.amount)
    return payment
