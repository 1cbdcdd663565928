"""The payment gateway: what we need of one, and the simulated one that is shipped."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Protocol

import msgspec

from orderflow.events import Order
from orderflow.payments.ledger import GatewayLedger
from orderflow.streaming.service import TransientError

_STEPS = 1 << 32


class Charge(msgspec.Struct, frozen=True, gc=False):
    """The gateway's answer: `declined` says why not, None means that the money moved."""

    payment_id: str
    declined: str | None


class GatewayTimeout(TransientError):
    """The gateway did not answer; whether it charged is settled by asking again with the same key."""


def idempotency_key(order: Order) -> str:
    """Return what the gateway knows an order by, the same for every attempt of every worker."""
    # The space can be in neither id, so no two orders read the same.
    return f"{order.user_id} {order.order_id}"


class PaymentGateway(Protocol):
    """Charges orders."""

    def charge(self, order: Order, idempotency_key: str, attempt: int) -> Charge:
        """Return the answer, or raise TransientError if there was none.

        The money moves once for each key, however often it is sent: a worker that dies after the charge
        leaves an order that is charged again by the next one.
        """


class SimulatedGateway:
    """Answers by a digest of the key, so that a redelivered order gets the same verdict.

    With a `ledger` it writes down every call, also those that it leaves unanswered.
    """

    def __init__(
        self,
        *,
        success_rate: float,
        error_rate: float = 0.0,
        latency_seconds: float = 0.0,
        ledger: GatewayLedger | None = None,
    ) -> None:
        self._success_below = success_rate * _STEPS
        self._error_below = error_rate * _STEPS
        self._latency_seconds = latency_seconds
        self._ledger = ledger

    def charge(self, order: Order, idempotency_key: str, attempt: int) -> Charge:
        if self._latency_seconds:
            time.sleep(self._latency_seconds)
        digest = blake2b(idempotency_key.encode(), digest_size=12)
        text = digest.hexdigest()
        payment_id, charged = f"PAY-{text}", int(text[:8], 16) < self._success_below
        if self._ledger:
            self._ledger.count(idempotency_key, payment_id, str(order.amount), charged=charged)
        if self._error_below and _fraction(digest.digest(), attempt) < self._error_below:
            raise GatewayTimeout("the payment gateway did not answer")
        return Charge(payment_id, None if charged else "declined by the issuer")


def _fraction(seed: bytes, attempt: int) -> int:
    # Per attempt: a call that failed may well be answered the next time.
    return int.from_bytes(blake2b(seed + attempt.to_bytes(4, "big"), digest_size=4).digest(), "big")
