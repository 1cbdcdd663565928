"""What an order leads to: it is settled once, and told again if it comes again.

Pure but for the gateway and the memory that are passed in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

import msgspec

from orderflow.events import InvalidEvent, Order, OrderStatus, Payment, decode_order
from orderflow.events.base import is_identifier
from orderflow.events.statuses import Status
from orderflow.events.topics import FAILED_ORDERS, FAILED_PAYMENTS
from orderflow.payments.gateway import Charge, PaymentGateway, idempotency_key
from orderflow.payments.window import (
    ORDER_DIGEST,
    Memory,
    NoMemory,
    OrderIdConflict,
    digest_of,
)
from orderflow.streaming.batches import Done
from orderflow.streaming.service import (
    Delivery,
    Failure,
    Outcome,
    Service,
    TransientError,
    WithHeaders,
    count_nothing,
)

_MAX_REASON = 500


class Declined(TransientError):
    """The gateway declined an order that it is to be asked about again."""

    def __init__(self, order: Order, digest: int, charge: Charge) -> None:
        super().__init__(charge.declined)
        self.order = order
        self.digest = digest
        self.charge = charge


def payment_service(
    gateway: PaymentGateway,
    *,
    unit_price: Decimal,
    concurrency: int = 1,
    memory: Memory | None = None,
    retry_declined: bool = False,
    committed: Callable[[Sequence[Done]], None] = count_nothing,
) -> Service[Order]:
    """Return the Payment Service, charging through `gateway` what is not in `memory`."""
    desk = PaymentDesk(gateway, NoMemory() if memory is None else memory, unit_price, retry_declined)
    return Service(
        name="payment-service",
        reads=(Order.topic,),
        writes=(Payment.topic, OrderStatus.topic),
        dead_letters=FAILED_ORDERS,
        exhausted=FAILED_PAYMENTS,
        decode=desk.decode,
        react=desk.pay,
        bury=desk.tell_of_dead_letter,
        reassigned=desk.memory.reassigned,
        committed=committed,
        concurrency=concurrency,
    )


@dataclass(frozen=True, slots=True)
class PaymentDesk:
    """Settles orders: each is charged or declined once."""

    gateway: PaymentGateway
    memory: Memory
    unit_price: Decimal
    retry_declined: bool = False

    def decode(self, value: bytes, at: datetime) -> Order:
        """Return the order in a record; raise InvalidEvent if there is none."""
        return decode_order(value, received_at=at, unit_price=self.unit_price)

    def pay(self, order: Order, delivery: Delivery) -> Sequence[Outcome]:
        """Return the payment of an order and where the order stands with it.

        Of an order that was settled before only the status follows, which another one may have covered.
        """
        digest = digest_of(order)
        known = self.memory.find(order, digest)
        if known is not None:
            return (OrderStatus(order.order_id, known.status, delivery.at, known.reason),)
        charge = self.gateway.charge(order, idempotency_key(order), delivery.attempt)
        if self.retry_declined and charge.declined is not None:
            raise Declined(order, digest, charge)
        self.memory.settle(order, digest, charge.declined)
        return settled(order, digest, charge, delivery)

    def tell_of_dead_letter(self, value: bytes, failure: Failure, at: datetime) -> Sequence[Outcome]:
        """Return what follows from an order that cannot be settled, if the record says which one it was."""
        if isinstance(failure.error, OrderIdConflict):
            return ()
        if isinstance(failure.error, Declined):
            return self._decline(failure.error, Delivery(at, failure.attempts))
        order_id = readable(value, "order_id")
        if order_id is None:
            return ()
        if failure.kind == "invalid" and self._was_settled(value, at):
            self.memory.forget(order_id)
        elif self.memory.knows(order_id, readable(value, "user_id")):
            return ()
        status: Status = "FAILED" if failure.kind == "exhausted" else "REJECTED"
        return (OrderStatus(order_id, status, at, failure.reason[:_MAX_REASON]),)

    def _decline(self, declined: Declined, last: Delivery) -> Sequence[Outcome]:
        order, digest, charge = declined.order, declined.digest, declined.charge
        self.memory.settle(order, digest, charge.declined)
        return settled(order, digest, charge, last)

    def _was_settled(self, value: bytes, at: datetime) -> bool:
        """Whether an order that counts as invalid is a good one: then what followed from it was refused."""
        try:
            self.decode(value, at)
        except InvalidEvent:
            return False
        return True


def settled(order: Order, digest: int, charge: Charge, delivery: Delivery) -> Sequence[Outcome]:
    """Return the events of the gateway's answer: PAID with a charge, DECLINED with its reason.

    The payment carries the order's digest, by which it is told from another order with its id.
    """
    paid = charge.declined is None
    payment = Payment(
        order.order_id,
        order.user_id,
        order.amount,
        "SUCCESS" if paid else "FAILED",
        charge.payment_id,
        delivery.attempt,
        charge.declined,
    )
    return (
        WithHeaders(payment, ((ORDER_DIGEST, b"%08x" % digest),)),
        OrderStatus(order.order_id, "PAID" if paid else "DECLINED", delivery.at, charge.declined),
    )


def readable(value: bytes, name: str) -> str | None:
    """Return an identifier in an invalid order, if it is there and well formed."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    identifier = found.get(name) if isinstance(found, dict) else None
    return identifier if isinstance(identifier, str) and is_identifier(identifier) else None
