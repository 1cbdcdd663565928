"""Tables with rows that a test chose, as analytics would have written them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Table, delete, insert

from orderflow.tables import schema
from orderflow.tables.database import open_reader, open_writer
from orderflow.tables.migrate import migrate

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOON_MS = int(NOON.timestamp() * 1000)

_DEFAULTS: dict[str, dict[str, Any]] = {
    "offsets": {"topic": "orders", "partition": 0, "log_end": 0, "unreadable": 0, "updated_ms": NOON_MS},
    "orders": {"user_id": "u-1", "amount_cents": 1999, "items": 2, "placed_ms": NOON_MS},
    "order_status": {},
    "order_history": {},
    "payments": {
        "user_id": "u-1",
        "amount_cents": 1999,
        "status": "SUCCESS",
        "payment_id": "P",
        "attempts": 1,
    },
    "notifications": {"user_id": "u-1", "status": "SUCCESS", "text": "Paid.", "type": "EMAIL"},
}
_PLACE = {"at_ms": NOON_MS, "partition": 0, "offset": 0}
_PLACED = ("orders", "order_status", "order_history", "payments", "notifications")


class FilledTables:
    """The tables of a database, made by the migrations."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.writer: Engine = open_writer(url)
        self.reader: Engine = open_reader(url)
        migrate(self.writer)

    def add(self, table: Table, *rows: dict[str, Any]) -> FilledTables:
        """Write rows, each with what a test leaves out."""
        place = _PLACE if table.name in _PLACED else {}
        defaults = place | _DEFAULTS.get(table.name, {})
        with self.writer.begin() as connection:
            connection.execute(insert(table), [defaults | row for row in rows])
        return self

    def clear(self) -> None:
        """Take all rows out."""
        with self.writer.begin() as connection:
            for table in schema.metadata.sorted_tables:
                connection.execute(delete(table))

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection as the API has it."""
        with self.reader.connect() as connection:
            yield connection

    def close(self) -> None:
        self.writer.dispose()
        self.reader.dispose()


def sqlite_tables(folder: Path) -> FilledTables:
    """Return empty tables in a file below `folder`."""
    return FilledTables(f"sqlite:///{folder}/tables.db")
