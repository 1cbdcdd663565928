"""The spans of a worker: one for every attempt at a sampled record, one for what was written because of it,
and one for the transaction of a batch, which links to those of its records.

A record that is not sampled costs a look at one byte of its header.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from orderflow.observability.at_work import Read
from orderflow.observability.attempts import RecordSpan, Spans, Traced
from orderflow.observability.messaging import commit_span, process_span, send_span
from orderflow.observability.settings import TraceSettings
from orderflow.observability.spans import Context
from orderflow.observability.traceparent import TRACEPARENT, sampled_in
from orderflow.observability.tracing import Tracer, tracer_of

_ZERO = ord("0")


class RecordSpans(Spans):
    """Makes the spans of one worker."""

    def __init__(self, tracer: Tracer, *, group: str, client_id: str) -> None:
        self._tracer = tracer
        self._group = group
        self._client_id = client_id

    def begin(self, record: Read, attempt: int) -> RecordSpan | None:
        headers = record.headers
        if headers:
            # What nearly every record comes to, without another call.
            name, value = headers[-1]
            if name == TRACEPARENT and value and value[-1] == _ZERO:
                return None
        received = sampled_in(headers)
        if received is None:
            return None
        new_id = self._tracer.new_id
        span = RecordSpan(record, received, attempt, (new_id(64), new_id(64)), time.time_ns())
        return span if self._tracer.samples(span.parent.trace_id, True) else None

    def end(self, span: RecordSpan) -> None:
        span.ended = time.time_ns()
        self._tracer.take(process_span(span, self._client_id, self._group))

    def committed(self, done: Sequence[Traced], seconds: float) -> None:
        """Take the spans of a transaction that took so long and has committed just now.

        There are none if none of its records is sampled.
        """
        sampled = [(each.span, each.outgoing) for each in done if each.span is not None]
        if not sampled:
            return
        now, tracer = time.time_ns(), self._tracer
        for span, outgoing in sampled:
            if topics := [record[0] for record in outgoing]:
                tracer.take(send_span(span.send, span.process, topics, span.ended, now, self._client_id))
        context = Context(tracer.new_id(128), tracer.new_id(64))
        links = [span.process for span, _outgoing in sampled]
        tracer.take(
            commit_span(
                context, links, len(done), now - int(seconds * 1e9), now, self._client_id, self._group
            )
        )

    def close(self) -> None:
        """Send what is left, for a moment at most."""
        self._tracer.close()


def spans_of(service: str, group: str, client_id: str, settings: TraceSettings) -> RecordSpans | None:
    """Return who makes the spans of a worker, None where traces are off."""
    tracer = tracer_of(service, client_id, settings)
    return None if tracer is None else RecordSpans(tracer, group=group, client_id=client_id)
