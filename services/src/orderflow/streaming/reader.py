"""Read topics as no group: committed records only, from the beginning or from now, knowing where the end is.

Commands that show or check what is on the topics read through this; nothing they do moves a worker's offsets.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from types import TracebackType
from typing import Literal, Self, cast
from uuid import uuid4

from confluent_kafka import OFFSET_END, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from orderflow.streaming.admin import BrokerUnavailable, existing_topics
from orderflow.streaming.clients import new_consumer, reader_config
from orderflow.streaming.settings import KafkaSettings

__all__ = [
    "BrokerUnavailable",
    "ReadRefused",
    "Record",
    "Start",
    "TopicReader",
    "UnknownTopic",
    "headers_of",
    "is_permanent",
]

_BATCH = 2000
_POLL_SECONDS = 0.1

# The client goes on by itself after any other error; silence is what the caller notices.
_PERMANENT = {
    KafkaError._AUTHENTICATION,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.UNKNOWN_TOPIC_OR_PART,
}


Start = Literal["beginning", "end"] | float


class UnknownTopic(Exception):
    """The broker has no topic of that name."""


class ReadRefused(Exception):
    """The broker will never answer this read: no right to it, or the topic went away."""


def is_permanent(error: KafkaError) -> bool:
    """Return whether the broker will answer the same however often it is asked."""
    return error.fatal() or error.code() in _PERMANENT


def headers_of(record: Record) -> list[tuple[str, bytes | None]]:
    """Return a record's headers in their order, a name as often as it was written."""
    return cast("list[tuple[str, bytes | None]]", record.headers() or [])


class TopicReader:
    """Reads every partition of `topics` (names on the broker, prefix included).

    It begins at the `beginning`, at the `end`, or at the first record not older than a time given in
    seconds since the epoch. Raise UnknownTopic or BrokerUnavailable on opening.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        topics: Sequence[str],
        *,
        start: Start = "beginning",
        timeout: float = 10.0,
    ) -> None:
        self._timeout = timeout
        self._consumer = new_consumer(
            # The client wants a group id; one that never subscribes or commits makes no group.
            reader_config(settings)
            | {"group.id": f"orderflow-reader-{uuid4()}", "auto.offset.reset": "earliest"}
        )
        try:
            places = self._places(topics)
            self._unfinished = set(places)
            self._consumer.assign(self._from(places, start))
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._consumer.close()

    @property
    def at_end(self) -> bool:
        """Whether every partition has been read to its last stable offset at least once."""
        return not self._unfinished

    def poll(self, timeout: float = _POLL_SECONDS) -> list[Record]:
        """Return the records that are there within `timeout` seconds, or none."""
        records = []
        for record in self._consumer.consume(_BATCH, timeout):
            error = record.error()
            if error is None:
                records.append(record)
            elif error.code() == KafkaError._PARTITION_EOF:
                self._unfinished.discard((record.topic() or "", record.partition() or 0))
            elif is_permanent(error):
                raise ReadRefused(error.str())
        return records

    def to_the_end(self) -> Iterator[list[Record]]:
        """Yield what there is, batch by batch, until every partition's end is reached.

        Raise BrokerUnavailable when nothing more comes and the ends are not reached.
        """
        silent_since = time.monotonic()
        while not self.at_end:
            before = len(self._unfinished)
            records = self.poll()
            if records or len(self._unfinished) < before:
                silent_since = time.monotonic()
            elif time.monotonic() - silent_since > self._timeout:
                raise BrokerUnavailable(f"no answer for {self._timeout:.0f} seconds")
            if records:
                yield records

    def follow(self) -> Iterator[Record]:
        """Yield records for ever, as they are committed."""
        while True:
            yield from self.poll()

    def _places(self, topics: Sequence[str]) -> list[tuple[str, int]]:
        # The reading client asks by itself: it then knows the leaders and need not find them later.
        counts = existing_topics(self._consumer, timeout=self._timeout)
        for topic in topics:
            if topic not in counts:
                raise UnknownTopic(f"there is no topic {topic!r}")
        return [(topic, number) for topic in topics for number in range(counts[topic])]

    def _from(self, places: Collection[tuple[str, int]], start: Start) -> list[TopicPartition]:
        if start == "end":
            return [TopicPartition(*place, OFFSET_END) for place in places]
        if start == "beginning":
            # Not OFFSET_BEGINNING, which costs a question: a log that begins later resets to its start.
            return [TopicPartition(*place, 0) for place in places]
        # Where nothing is that new, the end is the place to begin at: as it was before that was found out,
        # or a record that comes meanwhile would be passed over. Asked for like a time: of what is committed.
        ends = self._offsets(places, OFFSET_END)
        found = self._offsets(places, int(start * 1000))
        return [
            TopicPartition(*place, ends[place] if found[place] == OFFSET_END else found[place])
            for place in places
        ]

    def _offsets(self, places: Iterable[tuple[str, int]], time_ms: int) -> dict[tuple[str, int], int]:
        asked = [TopicPartition(*place, time_ms) for place in places]
        deadline = time.monotonic() + self._timeout
        while True:
            try:
                answers = self._consumer.offsets_for_times(asked, timeout=self._timeout)
                for each in answers:
                    if each.error is not None:  # and the offset is what was asked with
                        raise KafkaException(each.error)
                return {(each.topic, each.partition): each.offset for each in answers}
            except KafkaException as error:
                # Leaders that are being elected, as those of a topic just made, are known a moment later.
                if time.monotonic() > deadline:
                    raise BrokerUnavailable(error.args[0].str()) from error
                time.sleep(_POLL_SECONDS)
