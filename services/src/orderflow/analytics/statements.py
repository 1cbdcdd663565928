"""The SQL of analytics, made once for a database: what it reads and writes in one transaction."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy import Connection, Dialect, Table, bindparam, cast, delete, func, null, select, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.sql.elements import ColumnElement
from sqlalchemy.types import JSON, String, UserDefinedType

from orderflow.analytics.facts import Facts, Row
from orderflow.analytics.projection import Changes, Old
from orderflow.tables import schema
from orderflow.tables.database import Insert, insert_into

_SUMS = ("count", "sum_cents")


class RowOf(UserDefinedType[Any]):
    """The type of a table's rows, which PostgreSQL has by the table's name."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: Any) -> str:
        return self.name


class Statements:
    """The statements of one kind of database.

    Rows are written in the order of their keys and tables in one order, so that two processes that touch the
    same rows wait for each other, at worst, but never in a circle.
    """

    def __init__(self, dialect: Dialect) -> None:
        self._insert_into = insert_into(dialect)
        self._postgresql = dialect.name == "postgresql"
        self._begin = self._insert(schema.offsets).on_conflict_do_nothing()
        self._advance = _advance()
        self._orders = self._insert(schema.orders).on_conflict_do_nothing()
        self._history = self._insert(schema.order_history).on_conflict_do_nothing()
        self._statuses = self._replace(schema.order_status)
        self._payments = self._replace(schema.payments)
        self._notifications = self._replace(schema.notifications)
        self._sums = [
            (name, self._add(schema.metadata.tables[name]))
            for name in ("status_counts", "payment_totals", "payment_minutes")
        ]
        gone = schema.order_status.c.order_id == bindparam("gone")
        self._take_back = delete(schema.order_status).where(gone)
        status, payment = schema.order_status.c, schema.payments.c
        at = ("at_ms", "partition", "offset", "status", "order_id")
        self._old_statuses = select(*(status[name] for name in at)).where(self._is_in(status.order_id))
        self._old_payments = select(*(payment[name] for name in (*at, "user_id", "amount_cents"))).where(
            self._is_in(payment.order_id)
        )

    def read_old(self, connection: Connection, facts: Facts) -> Old:
        """Return the rows that facts may change."""
        statuses = self._read(connection, self._old_statuses, facts.statuses)
        payments = self._read(
            connection, self._old_payments, {order_id for order_id, _user in facts.payments}
        )
        return Old(
            {row["order_id"]: row for row in statuses},
            {(row["order_id"], row["user_id"]): row for row in payments},
        )

    def write(self, connection: Connection, facts: Facts, changes: Changes) -> None:
        """Write all rows and sums of a batch."""
        self._write(connection, self._orders, facts.orders.values())
        self._write(connection, self._statuses, changes.statuses)
        self._write(connection, self._history, facts.history)
        self._write(connection, self._payments, changes.payments)
        self._write(connection, self._notifications, facts.notifications.values())
        for name, add in self._sums:
            self._write(connection, add, getattr(changes, name))
        if changes.taken_back:
            connection.execute(self._take_back, [{"gone": each} for each in sorted(changes.taken_back)])

    def move(self, connection: Connection, first: list[Row], later: list[Row]) -> int:
        """Begin with partitions and move others on; return how many stood where they were said to."""
        moved = connection.execute(self._advance, later).rowcount if later else 0
        return moved + self._write(connection, self._begin, first)

    def _write(self, connection: Connection, statement: Insert, rows: Iterable[Row]) -> int:
        listed = sorted(rows, key=_key)
        if not listed:
            return 0
        values = {"rows": msgspec.json.encode(listed).decode()} if self._postgresql else listed
        return connection.execute(statement, values).rowcount

    def _insert(self, table: Table) -> Insert:
        """Return an INSERT of many rows; for PostgreSQL of one parameter, at a third of the cost."""
        insert = self._insert_into(table).execution_options(preserve_rowcount=True)
        if not self._postgresql:
            return insert
        names = [column.name for column in table.c]
        listed = func.json_populate_recordset(
            cast(null(), RowOf(table.name)), cast(bindparam("rows", type_=String), JSON)
        ).table_valued(*names)
        return insert.from_select(names, select(*listed.c))

    def _replace(self, table: Table) -> Insert:
        """Return an INSERT that replaces the row of the same key."""
        insert = self._insert(table)
        keys = [column.name for column in table.primary_key]
        others = {column.name: insert.excluded[column.name] for column in table.c if column.name not in keys}
        return insert.on_conflict_do_update(index_elements=keys, set_=others)

    def _add(self, table: Table) -> Insert:
        """Return an INSERT that adds to the sums of the row of the same key."""
        insert = self._insert(table)
        keys = [column.name for column in table.primary_key]
        sums = {name: table.c[name] + insert.excluded[name] for name in _SUMS if name in table.c}
        return insert.on_conflict_do_update(index_elements=keys, set_=sums)

    def _is_in(self, column: ColumnElement[str]) -> ColumnElement[bool]:
        """Return whether a column is one of `wanted`: one parameter, however many there are."""
        if self._postgresql:
            return column == func.any(bindparam("wanted", type_=ARRAY(String)))
        listed = func.json_each(bindparam("wanted", type_=JSON)).table_valued("value")
        return column.in_(select(listed.c.value))

    def _read(self, connection: Connection, statement: Any, wanted: Iterable[str]) -> Iterable[Any]:
        keys = list(wanted)
        return connection.execute(statement, {"wanted": keys}).mappings() if keys else ()


def _advance() -> Any:
    at = schema.offsets.c
    return (
        update(schema.offsets)
        .where(
            at.topic == bindparam("of_topic"),
            at.partition == bindparam("of_partition"),
            at.next == bindparam("before"),
        )
        .values(
            next=bindparam("to"),
            log_end=bindparam("end"),
            updated_ms=bindparam("now"),
            unreadable=at.unreadable + bindparam("more"),
        )
    )


def _key(row: Row) -> Any:
    # Sums are sorted already; sorting is stable.
    return row.get("order_id", "")
