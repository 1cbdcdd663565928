"""Read the tails of partitions as no member of any group: what was written there last.

For a worker that must know what its predecessor wrote before it goes on. Committed records only; where a
transaction is open, what lies behind it cannot be read yet, and the reading says so.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

from confluent_kafka import KafkaError, Message, TopicPartition

from orderflow.streaming.admin import BrokerUnavailable, existing_topics
from orderflow.streaming.batches import Headers
from orderflow.streaming.clients import new_consumer, reader_config
from orderflow.streaming.reader import ReadRefused, is_permanent
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import partition_of

# Partition number, value, headers: what a record of the own output is read for.
Take = Callable[[int, bytes | None, Headers | None], None]

_BATCH = 1000
_POLL_SECONDS = 0.05

# As librdkafka counts from the end: RD_KAFKA_OFFSET_TAIL_BASE.
_TAIL_BASE = -2000


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a partition was read: to `offset`, of the `end` that it had, open transactions included."""

    offset: int
    end: int

    @property
    def is_end(self) -> bool:
        return self.offset >= self.end


def last(count: int) -> int:
    """Return where to begin reading for the last `count` offsets."""
    return _TAIL_BASE - count


class TailReader:
    """A consumer for one reading, in the name of the worker's group, which it does not join.

    Raise BrokerUnavailable on opening if nobody answers for `timeout` seconds.
    """

    def __init__(self, settings: WorkerSettings, *, timeout: float = 5.0) -> None:
        self._prefix = settings.topic_prefix
        self._timeout = timeout
        self._consumer = new_consumer(
            reader_config(settings)
            | {
                "group.id": settings.group,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
                # A worker reads this beside everything else it holds.
                "queued.max.messages.kbytes": 2_048,
                "max.partition.fetch.bytes": 262_144,
            }
        )
        try:
            self._counts = existing_topics(self._consumer, timeout=timeout)
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    def partitions(self, topic: str) -> int:
        """Return how many partitions a topic has."""
        return self._counts.get(self._prefix + topic, 0)

    def read(
        self, topic: str, starts: Mapping[int, int], take: Take, *, patience: float
    ) -> dict[int, Reached]:
        """Give `take` every record from `starts` (partition -> offset, or `last(n)`) to the present ends.

        Where an open transaction hides the end, wait for it until nothing has come for `patience` seconds.
        Raise BrokerUnavailable or ReadRefused.
        """
        name = self._prefix + topic
        self._consumer.assign([TopicPartition(name, number, start) for number, start in starts.items()])
        reached: dict[int, Reached] = {}
        moved_at = time.monotonic()
        while not (len(reached) == len(starts) and all(each.is_end for each in reached.values())):
            if self._take_some(take, reached):
                moved_at = time.monotonic()
            silent = time.monotonic() - moved_at
            if len(reached) == len(starts) and silent >= patience:
                break
            if silent > self._timeout:
                raise BrokerUnavailable(f"no answer for {self._timeout:.0f} seconds")
        return reached

    def _take_some(self, take: Take, reached: dict[int, Reached]) -> bool:
        """Read what comes next and note which ends were met; return whether anything came."""
        came = False
        for message in self._consumer.consume(_BATCH, _POLL_SECONDS):
            error = message.error()
            if error is None:
                number: Any = message.partition()
                headers: Any = message.headers()
                take(number, message.value(), headers)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._note(message, reached)
            elif is_permanent(error):
                raise ReadRefused(error.str())
            else:
                continue
            came = True
        return came

    def _note(self, message: Message, reached: dict[int, Reached]) -> None:
        """Note where a partition can be read no further, and the end it had when that was first met."""
        topic, number = partition_of(message)
        offset: Any = message.offset()
        seen = reached.get(number)
        if seen is None:
            # Of the answer that was just read: asked anew, this consumer is told the last stable offset.
            found = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            seen = Reached(offset, max(offset, found[1] if found else offset))
        reached[number] = Reached(offset, seen.end)
