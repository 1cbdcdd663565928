"""What the tables must hold, counted anew from the log in the simplest way; and what they hold."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, func, select

from orderflow.tables import schema

# Topic, key, value, timestamp in ms; in the order of the log of each partition.
Seen = tuple[str, bytes | None, bytes | None, int]


@dataclass
class Told:
    """Everything the tables tell, by what it is asked by."""

    orders: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    statuses: dict[str, str] = field(default_factory=dict)
    histories: dict[str, list[str]] = field(default_factory=dict)
    payments: dict[tuple[str, str], tuple[str, int, int]] = field(default_factory=dict)
    notifications: dict[tuple[str, str], str] = field(default_factory=dict)
    status_counts: dict[str, int] = field(default_factory=dict)
    totals: dict[str, tuple[int, int]] = field(default_factory=dict)
    minutes: dict[tuple[int, str], tuple[int, int]] = field(default_factory=dict)
    unreadable: int = 0


def recount(log: Iterable[Seen]) -> Told:
    """Return what follows from a log, whose topics are logical names; orders are in the long form."""
    told = Told()
    for topic, key, value, at_ms in log:
        try:
            _takers[topic](told, key, None if value is None else json.loads(value), at_ms)
        except (ValueError, KeyError, TypeError):
            told.unreadable += 1
    told.status_counts = dict(Counter(told.statuses.values()))
    told.totals = _sums((status, cents) for status, cents, _at in told.payments.values())
    told.minutes = _sums(((at // 60_000, status), cents) for status, cents, at in told.payments.values())
    return told


def told_by(connection: Connection) -> Told:
    """Return what the tables tell."""

    def rows(table: Any) -> list[Any]:
        return list(connection.execute(select(table).order_by(*table.primary_key)))

    told = Told()
    told.orders = {(row.order_id, row.user_id): (row.amount_cents, row.items) for row in rows(schema.orders)}
    told.statuses = {row.order_id: row.status for row in rows(schema.order_status)}
    for row in rows(schema.order_history):
        told.histories.setdefault(row.order_id, []).append(row.status)
    told.payments = {
        (row.order_id, row.user_id): (row.status, row.amount_cents, row.at_ms)
        for row in rows(schema.payments)
    }
    told.notifications = {(row.order_id, row.user_id): row.text for row in rows(schema.notifications)}
    counts, totals, minutes = schema.status_counts.c, schema.payment_totals.c, schema.payment_minutes.c
    told.status_counts = _summed(connection, [counts.status], [counts["count"]], lambda row: row[1])
    two: Callable[[Any], Any] = lambda row: (row[-2], row[-1])  # noqa: E731
    told.totals = _summed(connection, [totals.status], [totals["count"], totals.sum_cents], two)
    told.minutes = _summed(
        connection, [minutes.minute, minutes.status], [minutes["count"], minutes.sum_cents], two
    )
    told.unreadable = int(connection.execute(select(func.sum(schema.offsets.c.unreadable))).scalar() or 0)
    return told


def _summed(connection: Connection, keys: list[Any], sums: list[Any], value: Callable[[Any], Any]) -> Any:
    statement = select(*keys, *(func.sum(column) for column in sums)).group_by(*keys)
    found = {
        (row[0] if len(keys) == 1 else tuple(row[:-2])): value(row) for row in connection.execute(statement)
    }
    nothing = 0 if len(sums) == 1 else (0, 0)
    return {key: _whole(each) for key, each in found.items() if _whole(each) != nothing}


def _whole(value: Any) -> Any:
    # PostgreSQL adds whole numbers up to a decimal.
    return tuple(map(int, value)) if isinstance(value, tuple) else int(value)


def _sums(parts: Iterable[tuple[Any, int]]) -> dict[Any, tuple[int, int]]:
    counts, sums = Counter[Any](), Counter[Any]()
    for key, cents in parts:
        counts[key] += 1
        sums[key] += cents
    return {key: (counts[key], sums[key]) for key in counts}


def _cents(value: Mapping[str, Any]) -> int:
    return int(Decimal(str(value["amount"])) * 100)


def _order(told: Told, _key: bytes | None, value: Any, _at: int) -> None:
    told.orders.setdefault((value["order_id"], value["user_id"]), (_cents(value), value["items"]))


def _payment(told: Told, _key: bytes | None, value: Any, at: int) -> None:
    told.payments[value["order_id"], value["user_id"]] = (value["status"], _cents(value), at)


def _notification(told: Told, _key: bytes | None, value: Any, _at: int) -> None:
    told.notifications[value["order_id"], value["user_id"]] = value["message"]


def _status(told: Told, key: bytes | None, value: Any, _at: int) -> None:
    if value is None:
        told.statuses.pop((key or b"").decode(), None)
        return
    datetime.fromisoformat(value["updated_at"])
    told.statuses[value["order_id"]] = value["status"]
    told.histories.setdefault(value["order_id"], []).append(value["status"])


_takers: dict[str, Callable[[Told, bytes | None, Any, int], None]] = {
    "orders": _order,
    "payments": _payment,
    "notifications": _notification,
    "order-status": _status,
}
