"""Record headers: where a record comes from and which order's way it is on. Pure.

Contract: `correlation_id`, `timestamp` (RFC 3339, UTC), `source`, W3C `traceparent`. A foreign producer's
record may lack them; what follows from it does not.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from hashlib import blake2b

from orderflow.streaming.batches import Headers

CORRELATION_ID = "correlation_id"
TIMESTAMP = "timestamp"
SOURCE = "source"
TRACEPARENT = "traceparent"

# A record that follows has room for this much; what is longer is not passed on.
MAX_CORRELATION_ID_BYTES = 256

# https://www.w3.org/TR/trace-context/#traceparent-header, version 00; all-zero ids are invalid.
_is_traceparent = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch


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

    def after(self, received: Headers | None, fallback_correlation_id: str) -> Headers:
        """Return headers that carry on the correlation and the trace of `received`."""
        correlation_id: str | bytes | None = None
        traceparent: str | bytes | None = None
        for name, value in received or ():
            if name == CORRELATION_ID:
                correlation_id = value
            elif name == TRACEPARENT:
                traceparent = value
        if not (isinstance(correlation_id, bytes) and 0 < len(correlation_id) <= MAX_CORRELATION_ID_BYTES):
            correlation_id = fallback_correlation_id.encode()
        if not (isinstance(traceparent, bytes) and _is_traceparent(traceparent)):
            traceparent = derived_traceparent(correlation_id)
        return [
            (CORRELATION_ID, correlation_id),
            self._timestamp,
            self._source,
            (TRACEPARENT, traceparent),
        ]


def valid_traceparent(value: bytes | None) -> bytes | None:
    """Return `value` if it is a W3C trace context that may be passed on."""
    return value if value is not None and _is_traceparent(value) else None


def derived_traceparent(seed: bytes) -> bytes:
    """Return a trace context for a record that came without one: the same for the same order, unsampled."""
    digest = blake2b(seed, digest_size=24).hexdigest()
    return f"00-{digest[:32]}-{digest[32:]}-00".encode()
