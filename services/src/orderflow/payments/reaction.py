"""What an order leads to once the gateway has answered. Pure but for the gateway that is passed in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial

import msgspec

from orderflow.events import Event, Order, OrderStatus, Payment, decode_order
from orderflow.events.base import is_identifier
from orderflow.events.statuses import Status
from orderflow.events.topics import FAILED_ORDERS, FAILED_PAYMENTS
from orderflow.payments.gateway import Charge, PaymentGateway
from orderflow.streaming.service import Delivery, Failure, Service

_MAX_REASON = 500


def payment_service(gateway: PaymentGateway, *, unit_price: Decimal, concurrency: int = 1) -> Service[Order]:
    """Return the Payment Service, charging through `gateway`."""
    return Service(
        name="payment-service",
        reads=(Order.topic,),
        writes=(Payment.topic, OrderStatus.topic),
        dead_letters=FAILED_ORDERS,
        exhausted=FAILED_PAYMENTS,
        decode=lambda value, at: decode_order(value, received_at=at, unit_price=unit_price),
        react=partial(pay, gateway.charge),
        bury=tell_of_dead_letter,
        concurrency=concurrency,
    )


def pay(charge: Callable[[Order, int], Charge], order: Order, delivery: Delivery) -> Sequence[Event]:
    """Return the payment of an order and where the order stands with it."""
    return settled(order, charge(order, delivery.attempt), delivery)


def settled(order: Order, charge: Charge, delivery: Delivery) -> Sequence[Event]:
    """Return the events of the gateway's answer: PAID with a charge, DECLINED with its reason."""
    paid = charge.declined is None
    return (
        Payment(
            order.order_id,
            order.user_id,
            order.amount,
            "SUCCESS" if paid else "FAILED",
            charge.payment_id,
            delivery.attempt,
            charge.declined,
        ),
        OrderStatus(order.order_id, "PAID" if paid else "DECLINED", delivery.at, charge.declined),
    )


def tell_of_dead_letter(value: bytes, failure: Failure, at: datetime) -> Sequence[Event]:
    """Return the status of an order that cannot be decided, if the record says which order it was."""
    order_id = readable_order_id(value)
    if order_id is None:
        return ()
    status: Status = "FAILED" if failure.kind == "exhausted" else "REJECTED"
    return (OrderStatus(order_id, status, at, failure.reason[:_MAX_REASON]),)


def readable_order_id(value: bytes) -> str | None:
    """Return the order id in an invalid order, if it is there and well formed."""
    try:
        found = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    order_id = found.get("order_id") if isinstance(found, dict) else None
    return order_id if isinstance(order_id, str) and is_identifier(order_id) else None
