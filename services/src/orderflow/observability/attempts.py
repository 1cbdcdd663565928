"""An attempt at a record that is traced, and who makes spans of such. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from orderflow.observability.at_work import Read
from orderflow.observability.spans import Context
from orderflow.observability.traceparent import child_of, context_of


class RecordSpan:
    """One attempt at a sampled record; `traceparent` is the context of what follows from it.

    `received` is the record's own; times are in ns since the epoch, the ids 64 random bits each.
    """

    __slots__ = ("attempt", "ended", "error", "parent", "process", "record", "send", "started", "traceparent")

    def __init__(
        self, record: Read, received: bytes, attempt: int, ids: tuple[int, int], started: int
    ) -> None:
        self.record = record
        self.attempt = attempt
        self.parent = context_of(received)
        self.process = Context(self.parent.trace_id, ids[0])
        self.send = Context(self.parent.trace_id, ids[1])
        self.traceparent = child_of(received, ids[1])
        self.error: Exception | None = None
        self.started = self.ended = started


class Traced(Protocol):
    """A record that was handled: its span, if it is sampled, and what is written because of it."""

    @property
    def span(self) -> RecordSpan | None: ...
    @property
    def outgoing(self) -> Sequence[tuple[str, Any, Any, Any]]: ...


class Spans(Protocol):
    """Whoever makes spans of the records that a worker handles. Safe between threads."""

    def begin(self, record: Read, attempt: int) -> RecordSpan | None:
        """Return the span of an attempt that begins now; None unless the record is sampled."""

    def end(self, span: RecordSpan) -> None:
        """Take the span of an attempt that has ended just now."""
