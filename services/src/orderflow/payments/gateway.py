"""The payment gateway: what we need of one, and the simulated one that is shipped."""

from __future__ import annotations

import time
from hashlib import blake2b
from typing import Protocol

import msgspec

from orderflow.events import Order
from orderflow.streaming.service import TransientError

_STEPS = 1 << 32


class Charge(msgspec.Struct, frozen=True, gc=False):
    """The gateway's answer: `declined` says why not, None means that the money moved."""

    payment_id: str
    declined: str | None


class GatewayTimeout(TransientError):
    """The gateway did not answer; whether it charged is settled by asking again with the same order id."""


class PaymentGateway(Protocol):
    """Charges an order. Idempotent: the same order gets the same answer and is charged once."""

    def charge(self, order: Order, attempt: int) -> Charge:
        """Return the answer, or raise TransientError if there was none."""


class SimulatedGateway:
    """Answers by a digest of the order's identity, so that a redelivered order gets the same verdict."""

    def __init__(self, *, success_rate: float, error_rate: float = 0.0, latency_seconds: float = 0.0) -> None:
        self._success_below = success_rate * _STEPS
        self._error_below = error_rate * _STEPS
        self._latency_seconds = latency_seconds

    def charge(self, order: Order, attempt: int) -> Charge:
        if self._latency_seconds:
            time.sleep(self._latency_seconds)
        digest = blake2b(f"{order.user_id} {order.order_id}".encode(), digest_size=12)
        if self._error_below and _fraction(digest.digest(), attempt) < self._error_below:
            raise GatewayTimeout("the payment gateway did not answer")
        text = digest.hexdigest()
        charged = int(text[:8], 16) < self._success_below
        return Charge(f"PAY-{text}", None if charged else "declined by the issuer")


def _fraction(seed: bytes, attempt: int) -> int:
    # Per attempt: a call that failed may well be answered the next time.
    return int.from_bytes(blake2b(seed + attempt.to_bytes(4, "big"), digest_size=4).digest(), "big")
