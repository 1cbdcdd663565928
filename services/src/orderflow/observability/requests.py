"""The spans of a request that places an order: the request, and what was written because of it."""

from __future__ import annotations

import time

from orderflow.observability.messaging import send_span
from orderflow.observability.spans import Context, Span
from orderflow.observability.traceparent import context_of, is_sampled, traceparent_of, valid_traceparent
from orderflow.observability.tracing import Tracer

_ACCEPTED, _FAULT = 202, 500


class RequestSpan:
    """A sampled request; `traceparent` is the context of the records that it leads to.

    `received`, `answered`: when, in ns since the epoch; a status of 0 says that nobody waited for an answer.
    """

    __slots__ = ("answered", "parent", "received", "request", "send", "started", "status", "traceparent")

    def __init__(self, trace_id: int, parent: Context | None, tracer: Tracer) -> None:
        self.parent = parent
        self.request = Context(trace_id, tracer.new_id(64))
        self.send = Context(trace_id, tracer.new_id(64))
        self.traceparent = traceparent_of(self.send)
        self.started = self.received = self.answered = time.time_ns()
        self.status = 0


class RequestSpans:
    """Makes the spans of requests; for one thread."""

    def __init__(self, tracer: Tracer, *, topics: tuple[str, ...], client_id: str) -> None:
        self._tracer = tracer
        self._topics = topics
        self._client_id = client_id

    def begin(self, traceparent: bytes | None) -> RequestSpan | None:
        """Return the span of a request that begins now; None unless it is sampled."""
        received = valid_traceparent(traceparent)
        parent = None if received is None else context_of(received)
        trace_id = self._tracer.new_id(128) if parent is None else parent.trace_id
        caller = None if received is None else is_sampled(received)
        return RequestSpan(trace_id, parent, self._tracer) if self._tracer.samples(trace_id, caller) else None

    def end(self, span: RequestSpan) -> None:
        """Take the spans of a request that has just ended; who was refused has sent nothing."""
        self._tracer.take(request_span(span, time.time_ns()))
        if span.status == _ACCEPTED:
            times = span.received, span.answered
            self._tracer.take(send_span(span.send, span.request, self._topics, *times, self._client_id))


def request_span(of: RequestSpan, end: int) -> Span:
    """Return the span of a request, named as OpenTelemetry's conventions for HTTP have it."""
    attributes: dict[str, str | int] = {
        "http.request.method": "POST",
        "http.route": "/orders",
        "url.path": "/orders",
        "url.scheme": "http",
    }
    if of.status:
        attributes["http.response.status_code"] = of.status
    failed = not of.status or of.status >= _FAULT
    if failed:
        attributes["error.type"] = str(of.status) if of.status else "client-gone"
    return Span(
        name="POST /orders",
        kind="server",
        context=of.request,
        parent=of.parent,
        parent_is_remote=True,
        start=of.started,
        end=end,
        attributes=attributes,
        error="" if failed else None,
    )
