"""From a request to the order it places: headers, identity, and the records that say so. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import uuid4

from orderflow.events import InvalidEvent, Order, place_order
from orderflow.events.base import is_identifier
from orderflow.events.orders import decode_form, order_id_for
from orderflow.orders.problems import invalid_field, invalid_order, unsupported_media_type

# Names and values as ASGI gives them: lower-case bytes, raw bytes.
RequestHeaders = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Placement:
    """An order, and which conversation and trace it belongs to."""

    order: Order
    correlation_id: str
    traceparent: bytes | None


def check_media_type(headers: RequestHeaders) -> None:
    """Raise the Problem of a body that does not say it is plain JSON."""
    found = headers.get(b"content-type", b"")
    if found != b"application/json" and found.split(b";")[0].strip().lower() != b"application/json":
        raise unsupported_media_type(found.decode("latin-1"))
    coding = headers.get(b"content-encoding")
    if coding is not None and coding != b"identity":
        raise unsupported_media_type(f"{coding.decode('latin-1')}-encoded JSON")


def read_placement(
    body: bytes, headers: RequestHeaders, *, received_at: datetime, unit_price: Decimal
) -> Placement:
    """Return the order that a request places; raise a Problem that names what is wrong with it."""
    key = _identifier(headers, b"idempotency-key", "Idempotency-Key")
    try:
        form = decode_form(body)
        order_id = form.order_id
        if order_id is None:
            order_id = f"ORD-{uuid4()}" if key is None else order_id_for(form.user_id, key)
        order = place_order(form, order_id=order_id, received_at=received_at, unit_price=unit_price)
    except InvalidEvent as error:
        raise invalid_order(error) from None
    wanted = headers.get(b"x-correlation-id")
    correlation_id = wanted.decode("latin-1") if wanted else order_id
    return Placement(
        order,
        correlation_id if is_identifier(correlation_id) else order_id,
        headers.get(b"traceparent"),
    )


def _identifier(headers: RequestHeaders, name: bytes, shown: str) -> str | None:
    raw = headers.get(name)
    if raw is None:
        return None
    text = raw.decode("latin-1")
    if not is_identifier(text):
        raise invalid_field(shown, "must be 1 to 128 characters out of A-Z a-z 0-9 . _ : @ -")
    return text
