"""Publish events outside of transactions, as a foreign producer does: idempotent, on all replicas, keyed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaError
from confluent_kafka import Message as Record

from orderflow.events import Event, encode
from orderflow.streaming.admin import BrokerUnavailable, missing_topics
from orderflow.streaming.clients import connection_config, new_admin, new_producer
from orderflow.streaming.codec import first_headers
from orderflow.streaming.reader import UnknownTopic
from orderflow.streaming.settings import KafkaSettings

Done = Callable[[str | None], None]

_DELIVERY_SECONDS = 30
_ANSWER_SECONDS = 5.0


class Publisher:
    """Publishes events and tells of each, with None or the reason, whether Kafka has it."""

    def __init__(self, settings: KafkaSettings, *, source: str) -> None:
        self._prefix = settings.topic_prefix
        self._source = source
        self._known: set[str] = set()
        self._admin = new_admin(settings)
        self._producer = new_producer(
            connection_config(settings)
            | {
                "enable.idempotence": True,
                "partitioner": "murmur2_random",
                "linger.ms": 5,
                "delivery.timeout.ms": _DELIVERY_SECONDS * 1000,
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.flush()
        else:
            self._producer.purge()

    def publish(self, event: Event, *, correlation_id: str, at: datetime, done: Done) -> None:
        """Hand over an event; raise UnknownTopic or BrokerUnavailable.

        With a full queue it waits until records were delivered or given up.
        """
        topic = self._prefix + event.topic
        self._check(topic)
        headers = first_headers(correlation_id=correlation_id, source=self._source, at=at, traceparent=None)

        def delivered(error: KafkaError | None, _record: Record) -> None:
            done(error.str() if error else None)

        while True:
            try:
                self._producer.produce(
                    topic, encode(event), event.key, headers=list(headers), on_delivery=delivered
                )
                self._producer.poll(0)
                return
            except BufferError:
                self._producer.poll(0.1)

    def wait(self, seconds: float) -> None:
        """Let time pass while deliveries are told of."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self._producer.poll(left)

    def flush(self) -> None:
        """Wait for what was handed over; raise BrokerUnavailable if Kafka does not take it."""
        if self._producer.flush(_DELIVERY_SECONDS + 5):
            raise BrokerUnavailable("records were not delivered in time")

    def _check(self, topic: str) -> None:
        if topic in self._known:
            return
        if missing_topics(self._admin, [topic], timeout=_ANSWER_SECONDS):
            raise UnknownTopic(f"there is no topic {topic!r}; `orderflow topics create` makes it")
        self._known.add(topic)
