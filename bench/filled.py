"""Tables with so many orders in them as analytics would leave them, made by the database itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, text

from orderflow.tables.database import open_writer
from orderflow.tables.migrate import migrate

PARTITIONS = 12
_SLICE = 50_000
# One order every 5 ms up to now, four of five of them paid.
_COLUMNS = """
    SELECT printf('ORD-%08x', i * 2654435761 % 4294967296) AS order_id, 'user-' || (i % 50000) AS user_id,
           i % 90000 + 1 AS cents, i % 12 AS partition, i / 12 AS place, :now - (:count - i) * 5 AS at_ms,
           CASE WHEN i % 5 THEN 'SUCCESS' ELSE 'FAILED' END AS result,
           CASE WHEN i % 5 THEN 'PAID' ELSE 'DECLINED' END AS status
    FROM (WITH RECURSIVE n(i) AS (SELECT :first UNION ALL SELECT i + 1 FROM n WHERE i < :last - 1)
          SELECT i FROM n) ORDER BY order_id
"""
_ROWS = (
    "INSERT INTO orders SELECT order_id, user_id, cents, 1, 'tea', at_ms, at_ms, partition, place FROM {}",
    "INSERT INTO order_status SELECT order_id, status, at_ms + 20, NULL, partition, 2 * place + 1 FROM {}",
    "INSERT INTO order_history SELECT order_id, partition, 2 * place, 'PENDING', at_ms, NULL FROM {}",
    "INSERT INTO order_history SELECT order_id, partition, 2 * place + 1, status, at_ms + 20, NULL FROM {}",
    "INSERT INTO payments SELECT order_id, user_id, cents, result, 'PAY-' || order_id, 1, NULL, at_ms + 20, "
    "partition, place FROM {}",
    "INSERT INTO notifications SELECT order_id, user_id, result, 'Order ' || order_id || ' is settled', "
    "'EMAIL', at_ms + 30, partition, place FROM {}",
)
_SUMS = (
    "INSERT INTO status_counts SELECT partition, status, count(*) FROM order_status GROUP BY 1, 2",
    "INSERT INTO payment_totals SELECT partition, status, count(*), sum(amount_cents) FROM payments "
    "GROUP BY 1, 2",
    "INSERT INTO payment_minutes SELECT at_ms / 60000, partition, status, count(*), sum(amount_cents) "
    "FROM payments GROUP BY 1, 2, 3",
)


def fill(file: Path, count: int, advance: Callable[[int], None]) -> list[str]:
    """Make the tables in `file` with `count` orders, all settled; return some of their ids."""
    engine = open_writer(f"sqlite:///{file}")
    migrate(engine)
    now = int(time.time() * 1000)
    with engine.begin() as connection:
        for first in range(0, count, _SLICE):
            last = min(count, first + _SLICE)
            _settled(connection, {"now": now, "count": count, "first": first, "last": last})
            advance(last - first)
        for statement in _SUMS:
            connection.execute(text(statement))
        _offsets(connection, count, now)
    with engine.begin() as connection:
        sample = text("SELECT order_id FROM orders WHERE offset % :each = 0 AND partition = 0 LIMIT 5000")
        found = [row[0] for row in connection.execute(sample, {"each": max(1, count // 60_000)})]
    engine.dispose()
    return found


def _settled(connection: Connection, wanted: dict[str, int]) -> None:
    connection.execute(text(f"CREATE TEMP TABLE slice AS {_COLUMNS}"), wanted)
    for statement in _ROWS:
        connection.execute(text(statement.format("slice")))
    connection.execute(text("DROP TABLE slice"))


def _offsets(connection: Connection, count: int, now: int) -> None:
    insert = text("INSERT INTO offsets VALUES (:topic, :partition, :next, :next, 0, :now)")
    for topic in ("orders", "payments", "notifications", "order-status"):
        for partition in range(PARTITIONS):
            place = {"topic": topic, "partition": partition, "next": count // PARTITIONS, "now": now}
            connection.execute(insert, place)
