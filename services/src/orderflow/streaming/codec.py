"""Record headers: where a record comes from and which order's way it is on. Pure.

Contract: `correlation_id`, `timestamp` (RFC 3339, UTC), `source`, W3C `traceparent`. A foreign producer's
record may lack them; what follows from it does not.
"""

from __future__ import annotations

from datetime import UTC, datetime

from orderflow.observability.traceparent import (
    TRACEPARENT,
    derived_traceparent,
    is_traceparent,
    valid_traceparent,
)
from orderflow.streaming.batches import Headers

CORRELATION_ID = "correlation_id"
TIMESTAMP = "timestamp"
SOURCE = "source"

# A record that follows has room for this much; what is longer is not passed on.
MAX_CORRELATION_ID_BYTES = 256


def rfc3339(at: datetime) -> str:
    """Return a time as the contract writes it: UTC, microseconds, `Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def first_headers(*, correlation_id: str, source: str, at: datetime, traceparent: bytes | None) -> Headers:
    """Return the headers of an order's first record."""
    return [
        (CORRELATION_ID, correlation_id.encode()),
        (TIMESTAMP, rfc3339(at).encode()),
        (SOURCE, source.encode()),
        (TRACEPARENT, valid_traceparent(traceparent) or derived_traceparent(correlation_id.encode())),
    ]


class NextHeaders:
    """The headers of what follows from a record; one instance a batch, since time and source are shared."""

    __slots__ = ("_source", "_timestamp")

    def __init__(self, source: str, at: datetime) -> None:
        self._timestamp = (TIMESTAMP, rfc3339(at).encode())
        self._source = (SOURCE, source.encode())

    def after(
        self, received: Headers | None, fallback_correlation_id: str, context: bytes | None = None
    ) -> Headers:
        """Return headers that carry on the correlation and the trace of `received`.

        `context` is the trace context of our own span, where there is one.
        """
        found = dict(received or ())  # of several with one name the last
        correlation_id, traceparent = found.get(CORRELATION_ID), found.get(TRACEPARENT)
        if not (isinstance(correlation_id, bytes) and 0 < len(correlation_id) <= MAX_CORRELATION_ID_BYTES):
            correlation_id = fallback_correlation_id.encode()
        if context is not None:
            traceparent = context
        elif not (isinstance(traceparent, bytes) and is_traceparent(traceparent)):
            traceparent = derived_traceparent(correlation_id)
        return [
            (CORRELATION_ID, correlation_id),
            self._timestamp,
            self._source,
            (TRACEPARENT, traceparent),
        ]
