"""A record as a person reads it, and as JSON. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from rich.text import Text

from orderflow.streaming.reader import Record, headers_of
from orderflow_process.text import printable


def record_text(record: Record) -> Text:
    """Return a record on three lines: where and when, its headers, its value."""
    text = Text()
    text.append(f"{record.topic()}[{record.partition()}] offset {record.offset()}", style="bold cyan")
    text.append(f"  {written_at(record)}  key ")
    text.append(printable(decoded(record.key())), style="bold")
    for name, value in headers_of(record):
        text.append(f"\n  {printable(name)}: {printable(decoded(value))}", style="dim")
    text.append(f"\n  {printable(decoded(record.value()))}")
    return text


def record_document(record: Record) -> dict[str, Any]:
    """Return a record as JSON; bytes that are not UTF-8 are escaped as \\xNN."""
    return {
        "topic": record.topic(),
        "partition": record.partition(),
        "offset": record.offset(),
        "timestamp": written_at(record),
        "key": None if record.key() is None else decoded(record.key()),
        "headers": [[name, None if value is None else decoded(value)] for name, value in headers_of(record)],
        "value": None if record.value() is None else decoded(record.value()),
    }


def written_at(record: Record) -> str:
    """Return a record's timestamp in UTC, to the millisecond."""
    return time_text(record.timestamp()[1])


def time_text(milliseconds: float) -> str:
    """Return a time in ms since the epoch in UTC, to the millisecond."""
    at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def decoded(raw: object) -> str:
    """Return bytes as text, those that are not UTF-8 escaped as \\xNN; nothing is `none`."""
    if raw is None:
        return "none"
    return raw.decode("utf-8", "backslashreplace") if isinstance(raw, bytes) else str(raw)
