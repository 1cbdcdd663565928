"""The record that is being handled, for the log lines that are written meanwhile. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Protocol

import msgspec

from orderflow.events.base import is_identifier
from orderflow.observability.traceparent import trace_id_of


class Read(Protocol):
    """What is asked of a record."""

    @property
    def partition(self) -> tuple[str, int]: ...
    @property
    def offset(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, str | bytes | None]] | None: ...


# Of this thread; set for every record, so only what is logged pays for what is made of it.
current: ContextVar[Read | None] = ContextVar("record", default=None)


def fields(group: str) -> Mapping[str, object]:
    """Return what a log line says of the record at work: nothing where there is none."""
    record = current.get()
    return {} if record is None else place_of(record, group)


def place_of(record: Read, group: str) -> dict[str, object]:
    """Return where a record was read, by whom, and which trace it belongs to."""
    topic, partition = record.partition
    place: dict[str, object] = {
        "group": group,
        "topic": topic,
        "partition": partition,
        "offset": record.offset,
    }
    trace_id = trace_id_of(record.headers)
    return place if trace_id is None else place | {"trace_id": trace_id}


class _Ids(msgspec.Struct):
    order_id: object = None
    user_id: object = None


_decode = msgspec.json.Decoder(_Ids).decode


def ids_in(value: bytes | None) -> dict[str, str]:
    """Return the order's and the user's id in a record's value, as far as it can be read and they are ids.

    Nothing else of a value is ever logged.
    """
    try:
        found = _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    ids = {"order_id": found.order_id, "user_id": found.user_id}
    return {name: text for name, text in ids.items() if isinstance(text, str) and is_identifier(text)}
