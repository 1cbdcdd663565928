"""W3C trace context in headers: `00-<trace id>-<span id>-<flags>`, read at fixed places. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from hashlib import blake2b

from orderflow.observability.spans import Context

TRACEPARENT = "traceparent"

# https://www.w3.org/TR/trace-context/#traceparent-header, version 00; all-zero ids are invalid.
is_traceparent = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}").fullmatch

_TRACE_ID, _SPAN_ID, _LAST = slice(3, 35), slice(36, 52), 54
_ODD = b"13579bdf"  # last digits of flags with the lowest bit set: sampled


def valid_traceparent(value: object) -> bytes | None:
    """Return `value` if it is a W3C trace context that may be passed on."""
    return value if isinstance(value, bytes) and is_traceparent(value) else None


def derived_traceparent(seed: bytes) -> bytes:
    """Return a trace context for a record that came without one: the same for the same order, unsampled."""
    digest = blake2b(seed, digest_size=24).hexdigest()
    return f"00-{digest[:32]}-{digest[32:]}-00".encode()


def is_sampled(traceparent: bytes) -> bool:
    """Tell whether a valid trace context asks for spans."""
    return traceparent[_LAST] in _ODD


def trace_id(traceparent: bytes) -> bytes:
    """Return the trace id of a valid trace context, as 32 hexadecimal digits."""
    return traceparent[_TRACE_ID]


def span_id(traceparent: bytes) -> bytes:
    """Return the span id of a valid trace context, as 16 hexadecimal digits."""
    return traceparent[_SPAN_ID]


def child_of(traceparent: bytes, span: int) -> bytes:
    """Return the context of a span in the same trace, sampled as it is."""
    return b"%b%016x%b" % (traceparent[:36], span, traceparent[52:])


def found_in(headers: Iterable[tuple[str, str | bytes | None]] | None) -> bytes | None:
    """Return the valid trace context among a record's headers; of several the last."""
    value: str | bytes | None = None
    for name, content in headers or ():
        if name == TRACEPARENT:
            value = content
    return valid_traceparent(value)


def sampled_in(headers: Sequence[tuple[str, str | bytes | None]] | None) -> bytes | None:
    """Return the trace context among a record's headers if it is sampled."""
    valid = found_in(headers)
    return valid if valid is not None and is_sampled(valid) else None


def context_of(traceparent: bytes) -> Context:
    """Return the span that a valid trace context names."""
    return Context(int(traceparent[_TRACE_ID], 16), int(traceparent[_SPAN_ID], 16))


def traceparent_of(span: Context) -> bytes:
    """Return the trace context of a sampled span."""
    return b"00-%032x-%016x-01" % (span.trace_id, span.span_id)


def trace_id_of(headers: Iterable[tuple[str, str | bytes | None]] | None) -> str | None:
    """Return the trace id among a record's headers, as logs write it."""
    found = found_in(headers)
    return None if found is None else trace_id(found).decode()
