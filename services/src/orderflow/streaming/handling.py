"""One record through one service: decode, react, or bury. A failure costs its own record only. Pure
but for what the service's reaction does."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from datetime import datetime
from typing import Generic

from orderflow.events import InvalidEvent, encode
from orderflow.observability import at_work
from orderflow.observability.attempts import RecordSpan, Spans
from orderflow.streaming.batches import Done, Headers, Outgoing, Record
from orderflow.streaming.codec import NextHeaders
from orderflow.streaming.dead_letters import dead_letter_headers
from orderflow.streaming.parking import Handled, Held, Line, Turn, line_of
from orderflow.streaming.service import (
    Delivery,
    E,
    Failure,
    NotAttempted,
    Outcome,
    Service,
    TransientError,
    WithHeaders,
)

# What a record may weigh beside its value: key, headers, the frame of its batch.
_FRAME_BYTES = 1024


class Handling(Generic[E]):
    """A service at work on records.

    `on_failure(record, failure)` is told of every failed attempt and every dead letter, with `final`.
    `spans` makes the spans of the records that are sampled.
    """

    def __init__(
        self,
        service: Service[E],
        *,
        group: str,
        topic_prefix: str = "",
        max_attempts: int = 3,
        max_record_bytes: int = 1_048_588,
        on_failure: Callable[[Record, Failure, bool], None] = lambda _record, _failure, _final: None,
        spans: Spans | None = None,
    ) -> None:
        self._service = service
        self._group = group
        self._max_attempts = max_attempts
        self._max_value_bytes = max_record_bytes - _FRAME_BYTES
        self._on_failure = on_failure
        self._spans = spans
        self._topic = {name: topic_prefix + name for name in service.topics}

    def handle(self, records: Sequence[Record], at: datetime, attempt: int = 1) -> Handled:
        """Make one attempt at each record, in order; `attempt` is the number of the first one's.

        What comes after a failed attempt in its line is not tried: it is held with it.
        """
        headers, first = NextHeaders(self._service.name, at), Delivery(at, attempt=1)
        delivery, spans = first if attempt == 1 else Delivery(at, attempt), self._spans
        done, held, waiting = list[Done](), list[Held](), set[Line]()
        for record in records:
            if waiting and line_of(record) in waiting:
                held.append(Held(record, None))
                continue
            at_work.current.set(record)
            span = None if spans is None else spans.begin(record, delivery.attempt)
            outcome = self._handle(record, headers, delivery, span)
            if span is not None and spans is not None:
                spans.end(span)
            delivery = first
            if isinstance(outcome, Done):
                done.append(outcome)
            else:
                waiting.add(line_of(record))
                held.append(Held(record, outcome))
        at_work.current.set(None)
        return Handled(done, held)

    def handle_in_lanes(self, turns: Sequence[Turn], at: datetime, lanes: Executor) -> Handled:
        """As `handle`, the turns side by side and the records of each in order."""
        handled = list(lanes.map(lambda turn: self.handle(turn.records, at, turn.attempt), turns))
        done = [done for each in handled for done in each.done]
        done.sort(key=lambda each: (each.record.partition, each.record.offset))
        return Handled(done, [held for each in handled for held in each.held])

    def refuse(self, record: Record, error: Exception, at: datetime) -> Done:
        """Return the dead letter of a record whose outcome the broker would not take."""
        return self.bury(record, Failure("invalid", error, 1), at)

    def bury(self, record: Record, failure: Failure, at: datetime) -> Done:
        """Return the dead letter of a record that is not to be tried any more."""
        return self._bury(record, failure, NextHeaders(self._service.name, at), at)

    def _handle(
        self, record: Record, headers: NextHeaders, delivery: Delivery, span: RecordSpan | None
    ) -> Done | Failure:
        """Make one attempt; a Failure is returned while more are allowed."""
        try:
            event = self._service.decode(record.value or b"", delivery.at)
            # A reaction may be a generator; it must fail here if it fails.
            events = tuple(self._service.react(event, delivery))
            context = None if span is None else span.traceparent
            following = headers.after(record.headers, event.correlation_id, context)
            return Done(record, [self._encode(each, following) for each in events], span)
        except InvalidEvent as error:
            failure = Failure("invalid", error, delivery.attempt)
        except NotAttempted as error:
            failure = Failure("exhausted", error, delivery.attempt - 1)
        except TransientError as error:
            failure = Failure("exhausted", error, delivery.attempt)
        except Exception as error:
            # A defect in a reaction must cost this record, not the worker and with it every other record.
            failure = Failure("unexpected", error, delivery.attempt)
        if span is not None:
            span.error = failure.error
        try:
            if failure.kind == "invalid" or failure.attempts >= self._max_attempts:
                return self._bury(record, failure, headers, delivery.at, span)
            self._on_failure(record, failure, False)
            return failure
        finally:
            forget_frames(failure.error)

    def _bury(
        self,
        record: Record,
        failure: Failure,
        headers: NextHeaders,
        at: datetime,
        span: RecordSpan | None = None,
    ) -> Done:
        self._on_failure(record, failure, True)
        exhausted = failure.kind == "exhausted"
        name = self._service.exhausted_letters if exhausted else self._service.dead_letters
        letter = dead_letter_headers(record, self._group, failure)
        told = self._tell(record, failure, headers, at, None if span is None else span.traceparent)
        return Done(record, [(self._topic[name], record.key, record.value, letter), *told], span)

    def _tell(
        self, record: Record, failure: Failure, headers: NextHeaders, at: datetime, context: bytes | None
    ) -> list[Outgoing]:
        """Return the records that tell of a dead letter: none if that fails, the letter counts for more."""
        try:
            events = self._service.bury(record.value or b"", failure, at)
            return [
                self._encode(each, headers.after(record.headers, each.correlation_id, context))
                for each in events
            ]
        except Exception as error:
            self._on_failure(record, Failure("unexpected", error, failure.attempts), False)
            return []

    def _encode(self, event: Outcome, headers: Headers) -> Outgoing:
        if isinstance(event, WithHeaders):
            headers = [*headers, *event.headers]
            event = event.event
        value = encode(event)
        if len(value) > self._max_value_bytes:
            raise InvalidEvent(
                f"leads to a record of {len(value)} bytes for {event.topic}, more than it takes"
            )
        return self._topic[event.topic], event.key.encode(), value, headers


def forget_frames(error: BaseException | None) -> None:
    """Let an error go of the frames that it came through, once it is told.

    They hold it too, and by way of the frames above them the whole batch: such a circle waits for the garbage
    collector, which comes rarely here. One record in a hundred that failed took a quarter of the throughput.
    """
    while error is not None:
        error.__traceback__ = None
        error = error.__context__
