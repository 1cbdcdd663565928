"""Orders: the two forms they arrive in, and the one form we keep."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, ClassVar
from uuid import UUID, uuid5

import msgspec

from orderflow.events.base import Event, Identifier, InvalidEvent, check_identity, decoder
from orderflow.events.money import check_amount, parse_amount

MAX_ITEMS = 1_000_000
MAX_ITEM_LENGTH = 256

# Ours alone, so that no other system's uuid5 of the same text is one of our order ids.
ORDER_ID_NAMESPACE = UUID("6f1c0a52-3b58-5d6e-9a55-0d8f1f0e7c11")

_Count = Annotated[int, msgspec.Meta(ge=1, le=MAX_ITEMS)]
_Item = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_ITEM_LENGTH)]


class Order(Event, frozen=True, omit_defaults=True):
    """A client wants something: `items` pieces for `amount` in all."""

    topic: ClassVar[str] = "orders"

    order_id: Identifier
    user_id: Identifier
    amount: Decimal
    items: int
    timestamp: datetime
    item: str | None = None

    @property
    def key(self) -> str:
        """All orders of one user share a partition, hence an order in time."""
        return self.user_id

    @property
    def correlation_id(self) -> str:
        return self.order_id


class OrderForm(msgspec.Struct, frozen=True, gc=False):
    """An order as a client writes it: `amount` and `items`, or in the short form `item` and `quantity`."""

    user_id: str
    order_id: str | None = None
    amount: msgspec.Raw = msgspec.Raw(b"")
    items: _Count | None = None
    timestamp: datetime | None = None
    item: _Item | None = None
    quantity: _Count | None = None


decode_form = decoder(OrderForm)


def decode_order(value: bytes, *, received_at: datetime, unit_price: Decimal) -> Order:
    """Return the order in a record of `orders`, whoever produced it; raise InvalidEvent if there is none."""
    form = decode_form(value)
    if form.order_id is None:
        raise InvalidEvent("Object missing required field `order_id`")
    return place_order(form, order_id=form.order_id, received_at=received_at, unit_price=unit_price)


def place_order(form: OrderForm, *, order_id: str, received_at: datetime, unit_price: Decimal) -> Order:
    """Return the order that a form asks for; raise InvalidEvent if it says too little or too much."""
    check_identity(order_id, form.user_id)
    amount = bytes(form.amount)
    if form.quantity is not None:
        if amount or form.items is not None:
            raise InvalidEvent("goes with `item` alone, not with `amount` or `items`", "$.quantity")
        if form.item is None:
            raise InvalidEvent("Object missing required field `item`")
        total, items = check_amount(form.quantity * unit_price, "$.quantity"), form.quantity
    elif not amount:
        raise InvalidEvent("Object missing required field `amount` (or `item` and `quantity`)")
    elif form.items is None:
        raise InvalidEvent("Object missing required field `items`")
    else:
        total, items = parse_amount(amount), form.items
    timestamp = form.timestamp or received_at
    if timestamp.tzinfo is None:
        timestamp = timestamp.replace(tzinfo=UTC)
    return Order(order_id, form.user_id, total, items, timestamp, form.item)


def order_id_for(user_id: str, idempotency_key: str) -> str:
    """Return the order id of a user's Idempotency-Key, the same whenever it is asked."""
    # The space can be in neither id, so no two pairs read the same.
    return f"ORD-{uuid5(ORDER_ID_NAMESPACE, f'{user_id} {idempotency_key}')}"
