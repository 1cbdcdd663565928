"""One record through one service: decode, react, or bury. A failure costs its own record only. Pure
but for what the service's reaction does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from datetime import datetime
from typing import Generic

from orderflow.events import InvalidEvent, encode
from orderflow.streaming.batches import Done, Headers, Outgoing, Record
from orderflow.streaming.codec import NextHeaders
from orderflow.streaming.dead_letters import dead_letter_headers
from orderflow.streaming.service import (
    Delivery,
    E,
    Failure,
    Outcome,
    Service,
    TransientError,
    WithHeaders,
)

# What a record may weigh beside its value: key, headers, the frame of its batch.
_FRAME_BYTES = 1024


class GaveUp(Exception):
    """Every attempt at an event failed."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.reason)
        self.failure = failure


class Handling(Generic[E]):
    """A service at work on records.

    `on_failure(record, failure)` is told of every failed attempt and every dead letter, with `final`.
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
    ) -> None:
        self._service = service
        self._group = group
        self._max_attempts = max_attempts
        self._max_value_bytes = max_record_bytes - _FRAME_BYTES
        self._on_failure = on_failure
        self._topic = {name: topic_prefix + name for name in service.topics}

    def handle(self, records: Sequence[Record], at: datetime) -> list[Done]:
        """Return what became of each record, in the given order."""
        headers, first = NextHeaders(self._service.name, at), Delivery(at, attempt=1)
        return [self._handle(record, headers, first) for record in records]

    def handle_in_lanes(self, records: Sequence[Record], at: datetime, lanes: Executor) -> list[Done]:
        """As `handle`, the records of different keys side by side and those of one key in order."""
        by_key: dict[bytes | None, list[Record]] = defaultdict(list)
        for record in records:
            by_key[record.key].append(record)
        lanes_done = lanes.map(lambda lane: self.handle(lane, at), by_key.values())
        done = {(each.record.partition, each.record.offset): each for lane in lanes_done for each in lane}
        return [done[record.partition, record.offset] for record in records]

    def refuse(self, record: Record, error: Exception, at: datetime) -> Done:
        """Return the dead letter of a record whose outcome the broker would not take."""
        return self._bury(record, Failure("invalid", error, 1), NextHeaders(self._service.name, at), at)

    def _handle(self, record: Record, headers: NextHeaders, first: Delivery) -> Done:
        try:
            event = self._service.decode(record.value or b"", first.at)
            events = self._react(record, event, first)
            following = headers.after(record.headers, event.correlation_id)
            return Done(record, [self._encode(each, following) for each in events])
        except InvalidEvent as error:
            failure = Failure("invalid", error, 1)
        except GaveUp as error:
            failure = error.failure
        except Exception as error:
            failure = Failure("unexpected", error, first.attempt)
        return self._bury(record, failure, headers, first.at)

    def _react(self, record: Record, event: E, delivery: Delivery) -> Iterable[Outcome]:
        """Return the reaction to an event after as many attempts as it takes; raise GaveUp after the last."""
        try:
            # A reaction may be a generator; it must fail here if it fails.
            return tuple(self._service.react(event, delivery))
        except InvalidEvent:
            raise
        except TransientError as error:
            failure = Failure("exhausted", error, delivery.attempt)
        except Exception as error:
            # A defect in a reaction must cost this record, not the worker and with it every other record.
            failure = Failure("unexpected", error, delivery.attempt)
        if delivery.attempt >= self._max_attempts:
            raise GaveUp(failure)
        self._on_failure(record, failure, False)
        return self._react(record, event, replace(delivery, attempt=delivery.attempt + 1))

    def _bury(self, record: Record, failure: Failure, headers: NextHeaders, at: datetime) -> Done:
        self._on_failure(record, failure, True)
        exhausted = failure.kind == "exhausted"
        name = self._service.exhausted_letters if exhausted else self._service.dead_letters
        letter = dead_letter_headers(record, self._group, failure)
        told = self._tell(record, failure, headers, at)
        return Done(record, [(self._topic[name], record.key, record.value, letter), *told])

    def _tell(self, record: Record, failure: Failure, headers: NextHeaders, at: datetime) -> list[Outgoing]:
        """Return the records that tell of a dead letter: none if that fails, the letter counts for more."""
        try:
            events = self._service.bury(record.value or b"", failure, at)
            return [self._encode(each, headers.after(record.headers, each.correlation_id)) for each in events]
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
