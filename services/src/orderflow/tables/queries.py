"""Questions to the tables. Each is asked on a connection whose transaction sees one state of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple, cast, get_args

from sqlalchemy import Connection, Row, Select, Table, bindparam, case, func, select, tuple_

from orderflow.events.payments import PaymentResult
from orderflow.events.statuses import Status
from orderflow.tables.answers import (
    MinuteOfPayments,
    NotificationOfOrder,
    OrderState,
    PartitionAsOf,
    PaymentOfOrder,
    Payments,
    SentNotification,
    Statistics,
    StatusChange,
)
from orderflow.tables.paging import Place
from orderflow.tables.schema import (
    notifications,
    offsets,
    order_history,
    order_status,
    orders,
    payment_minutes,
    payment_totals,
    payments,
    status_counts,
)

MINUTES = 60
_MOST_CHANGES = 100
_OUTCOMES: Mapping[PaymentResult, Status] = {"SUCCESS": "PAID", "FAILED": "DECLINED"}
_RESULTS = tuple(_OUTCOMES)
_CENT = Decimal("0.01")


class End(NamedTuple):
    """What Kafka said of a partition that the tables read.

    `lag` counts the records between `committed` and `end`, without the markers of transactions.
    """

    committed: int | None
    end: int
    lag: int


Ends = Mapping[tuple[str, int], End]


def _of_owner(table: Table) -> Select[Any]:
    """Two users may share an id: it belongs to whose order was charged, else to whose was first."""
    is_owner = case((table.c.user_id == bindparam("user_id"), 0), else_=1)
    return (
        select(table)
        .where(table.c.order_id == bindparam("order_id"))
        .order_by(is_owner, table.c.at_ms)
        .limit(1)
    )


_charged = (
    select(payments).where(payments.c.order_id == bindparam("order_id")).order_by(payments.c.at_ms).limit(1)
)
_placed, _told = _of_owner(orders), _of_owner(notifications)
_status = select(order_status).where(order_status.c.order_id == bindparam("order_id"))
_changes = (
    select(order_history)
    .where(order_history.c.order_id == bindparam("order_id"))
    .order_by(order_history.c.partition.desc(), order_history.c.offset.desc())
    .limit(_MOST_CHANGES)
)
_newest_ms = select(func.max(offsets.c.updated_ms))

_sent = select(notifications).order_by(
    notifications.c.at_ms.desc(), notifications.c.partition.desc(), notifications.c.offset.desc()
)
_place = tuple_(notifications.c.at_ms, notifications.c.partition, notifications.c.offset)

_by_status = select(status_counts.c.status, func.sum(status_counts.c.count)).group_by(status_counts.c.status)
_totals = select(
    payment_totals.c.status, func.sum(payment_totals.c.count), func.sum(payment_totals.c.sum_cents)
).group_by(payment_totals.c.status)
_minutes = (
    select(
        payment_minutes.c.minute,
        payment_minutes.c.status,
        func.sum(payment_minutes.c.count),
        func.sum(payment_minutes.c.sum_cents),
    )
    .where(payment_minutes.c.minute.between(bindparam("first"), bindparam("last")))
    .group_by(payment_minutes.c.minute, payment_minutes.c.status)
)
_read_so_far = select(offsets).order_by(offsets.c.topic, offsets.c.partition)


def find_order(connection: Connection, order_id: str, now: datetime) -> tuple[OrderState | None, datetime]:
    """Return where an order stands, None if no topic has told of it, and when the tables were last written.

    Tables without a single record are as of `now`.
    """
    newest = connection.execute(_newest_ms).scalar()
    as_of = now if newest is None else _time(newest)
    return _order_state(connection, order_id, as_of), as_of


def _order_state(connection: Connection, order_id: str, as_of: datetime) -> OrderState | None:
    payment = connection.execute(_charged, {"order_id": order_id}).first()
    wanted = {"order_id": order_id, "user_id": payment.user_id if payment else ""}
    placed = connection.execute(_placed, wanted).first()
    status = connection.execute(_status, wanted).first()
    if not (payment or placed or status):
        return None
    told = connection.execute(_told, wanted).first()
    changes = connection.execute(_changes, wanted).all()
    now: Status = "PENDING"
    if payment:  # an outcome, even if its status is read a moment later
        now = _OUTCOMES[cast(PaymentResult, payment.status)]
    elif status:
        now = status.status
    owner = placed or payment
    return OrderState(
        order_id,
        now,
        as_of,
        owner.user_id if owner else None,
        _amount(owner.amount_cents) if owner else None,
        placed.items if placed else None,
        placed.item if placed else None,
        _time(placed.placed_ms) if placed else None,
        status.reason if status and status.status == now else None,
        [StatusChange(one.status, _time(one.at_ms), one.reason) for one in _in_time(changes)],
        _payment(payment) if payment else None,
        NotificationOfOrder(told.status, told.text, told.type, _time(told.at_ms)) if told else None,
    )


def newest_notifications(
    connection: Connection, limit: int, user_id: str | None = None, after: Place | None = None
) -> tuple[list[SentNotification], Place | None]:
    """Return notifications, newest first, and the place after which the next page begins if there is one."""
    wanted = _sent if user_id is None else _sent.where(notifications.c.user_id == user_id)
    if after is not None:
        wanted = wanted.where(_place < after)
    found = connection.execute(wanted.limit(limit + 1)).all()
    page = found[:limit]
    last = Place(page[-1].at_ms, page[-1].partition, page[-1].offset) if len(found) > limit else None
    return [
        SentNotification(row.order_id, row.user_id, row.status, row.text, row.type, _time(row.at_ms))
        for row in page
    ], last


def statistics(connection: Connection, now: datetime, ends: Ends | None) -> Statistics:
    """Return the statistics as of one state of the tables.

    `ends` is what Kafka said lately of every partition the tables read, None while that is unknown.
    """
    nothing = Payments(0, _amount(0))
    totals = dict.fromkeys(_RESULTS, nothing) | {
        status: Payments(int(count), _amount(int(cents)))
        for status, count, cents in connection.execute(_totals)
    }
    everything = sum(one.count for one in totals.values())
    by_status = dict.fromkeys(get_args(Status), 0) | {
        status: int(count) for status, count in connection.execute(_by_status)
    }
    read = _partitions(connection, ends or {})
    behind = sum(one.behind for one in read)
    return Statistics(
        totals,
        round(totals["SUCCESS"].count / everything, 4) if everything else None,
        by_status,
        _last_hour(connection, int(now.timestamp()) // 60),
        read,
        behind,
        None if ends is None else behind == 0,
    )


def _last_hour(connection: Connection, now: int) -> list[MinuteOfPayments]:
    first = now - MINUTES + 1
    found: dict[int, dict[PaymentResult, Payments]] = {}
    for minute, status, count, cents in connection.execute(_minutes, {"first": first, "last": now}):
        found.setdefault(minute, {})[status] = Payments(int(count), _amount(int(cents)))
    nothing = dict.fromkeys(_RESULTS, Payments(0, _amount(0)))
    return [
        MinuteOfPayments(_time(60_000 * minute), nothing | found.get(minute, {}))
        for minute in range(first, now + 1)
    ]


def _partitions(connection: Connection, ends: Ends) -> list[PartitionAsOf]:
    rows = {(row.topic, row.partition): row for row in connection.execute(_read_so_far)}
    return [_as_of(at, rows.get(at), ends.get(at)) for at in sorted(rows.keys() | ends.keys())]


def _as_of(at: tuple[str, int], row: Row[Any] | None, end: End | None) -> PartitionAsOf:
    if row is None:
        return PartitionAsOf(*at, 0, end.end if end else 0, end.lag if end else 0, 0, None)
    last = max(row.log_end, end.end if end else 0)
    behind = max(0, last - row.next)
    if end and end.end == last and row.next >= (end.committed or 0):
        behind = min(behind, end.lag)
    return PartitionAsOf(*at, row.next, last, behind, row.unreadable, _time(row.updated_ms))


def _payment(row: Row[Any]) -> PaymentOfOrder:
    return PaymentOfOrder(
        row.payment_id, row.status, _amount(row.amount_cents), row.attempts, _time(row.at_ms), row.reason
    )


def _in_time(newest_first: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    """Within a partition offsets tell the order; an order has two only after the topic was enlarged."""
    oldest_first = newest_first[::-1]
    if len({row.partition for row in oldest_first}) == 1:
        return oldest_first
    return sorted(oldest_first, key=lambda row: int(row.at_ms))


def _amount(cents: int) -> Decimal:
    return (Decimal(cents) * _CENT).quantize(_CENT)


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)
