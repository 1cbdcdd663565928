"""What a batch of records says, row by row: each topic for itself. Pure.

The rows are those of `orderflow.tables.schema`. Of several records about one thing in a batch, the one that
counts is already chosen: of orders the first, of everything else the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from orderflow.events import InvalidEvent, decode_order, decode_payment
from orderflow.events.notifications import decode_notification
from orderflow.events.statuses import decode_status
from orderflow.events.topics import NOTIFICATIONS, ORDER_STATUS, ORDERS, PAYMENTS
from orderflow.streaming.batches import Record

Row = dict[str, Any]
Key = tuple[str, str]  # order and user

_MOST_ATTEMPTS = 2**31 - 1


@dataclass(slots=True)
class Facts:
    """Rows by their keys; a status without a `status` was taken back by a tombstone."""

    orders: dict[Key, Row] = field(default_factory=dict)
    payments: dict[Key, Row] = field(default_factory=dict)
    notifications: dict[Key, Row] = field(default_factory=dict)
    statuses: dict[str, Row] = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)
    unreadable: list[tuple[Record, str]] = field(default_factory=list)


def read(records: Iterable[Record], *, prefix: str, unit_price: Decimal) -> Facts:
    """Return what records of the four topics say; one that is no event is only counted, with its reason."""
    facts = Facts()
    take = {
        prefix + ORDERS: lambda record: _take_order(facts, record, unit_price),
        prefix + PAYMENTS: lambda record: _take_payment(facts, record),
        prefix + NOTIFICATIONS: lambda record: _take_notification(facts, record),
        prefix + ORDER_STATUS: lambda record: _take_status(facts, record),
    }
    for record in records:
        try:
            take[record.partition[0]](record)
        except InvalidEvent as invalid:
            facts.unreadable.append((record, str(invalid)))
    return facts


def is_newer(row: Mapping[str, Any], old: Mapping[str, Any]) -> bool:
    """Return whether a status or payment replaces another one of the same key.

    In one partition the log's order counts. Two partitions have no order; then the later time does.
    """
    if row["partition"] == old["partition"]:
        return bool(row["offset"] > old["offset"])
    return bool((row["at_ms"], row["partition"]) > (old["at_ms"], old["partition"]))


def milliseconds(at: datetime) -> int:
    """Return a time in ms since the epoch; without a zone it is UTC."""
    aware = at if at.tzinfo else at.replace(tzinfo=UTC)
    return int(aware.timestamp() * 1000)


def cents(amount: Decimal) -> int:
    """Return an amount with two places as a whole number."""
    return int(amount.scaleb(2))


def _take_order(facts: Facts, record: Record, unit_price: Decimal) -> None:
    at = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    order = decode_order(record.value or b"", received_at=at, unit_price=unit_price)
    key = order.order_id, order.user_id
    if key not in facts.orders:
        facts.orders[key] = {
            "order_id": order.order_id,
            "user_id": order.user_id,
            "amount_cents": cents(order.amount),
            "items": order.items,
            "item": _storable(order.item),
            "placed_ms": milliseconds(order.timestamp),
            **_place(record),
        }


def _take_payment(facts: Facts, record: Record) -> None:
    payment = decode_payment(record.value or b"")
    if not 0 <= payment.attempts <= _MOST_ATTEMPTS:
        raise InvalidEvent("must be a number of attempts", "$.attempts")
    row = {
        "order_id": payment.order_id,
        "user_id": payment.user_id,
        "amount_cents": cents(payment.amount),
        "status": payment.status,
        "payment_id": payment.payment_id,
        "attempts": payment.attempts,
        "reason": _storable(payment.reason),
        **_place(record),
    }
    _keep_newest(facts.payments, (payment.order_id, payment.user_id), row)


def _take_notification(facts: Facts, record: Record) -> None:
    notification = decode_notification(record.value or b"")
    row = {
        "order_id": notification.order_id,
        "user_id": notification.user_id,
        "status": notification.status,
        "text": _storable(notification.message),
        "type": notification.type,
        **_place(record),
    }
    _keep_newest(facts.notifications, (notification.order_id, notification.user_id), row)


def _take_status(facts: Facts, record: Record) -> None:
    if record.value is None:
        order_id = (record.key or b"").decode("utf-8", "replace")
        _keep_newest(facts.statuses, order_id, {"order_id": order_id, "status": None, **_place(record)})
        return
    status = decode_status(record.value)
    row = {
        "order_id": status.order_id,
        "status": status.status,
        "reason": _storable(status.reason),
        **_place(record),
        "at_ms": milliseconds(status.updated_at),
    }
    facts.history.append(row)
    _keep_newest(facts.statuses, status.order_id, row)


def _place(record: Record) -> Row:
    return {"at_ms": record.timestamp, "partition": record.partition[1], "offset": record.offset}


def _keep_newest(rows: dict[Any, Row], key: Any, row: Row) -> None:
    before = rows.get(key)
    if before is None or is_newer(row, before):
        rows[key] = row


def _storable(text: str | None) -> str | None:
    """Return a text as every database takes it: PostgreSQL has no place for the character NUL."""
    return text.replace("\0", "\ufffd") if text and "\0" in text else text
