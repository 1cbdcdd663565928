"""Tell records from transaction markers: read what little a group has yet to read, as no group."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Wire

from orderflow_lag.observation import Tail, TopicPartition

_BATCH = 500
_POLL_SECONDS = 0.1
_REFUSED_SECONDS = 300.0

_CONFIG = {
    "enable.auto.commit": False,
    "enable.auto.offset.store": False,
    "enable.partition.eof": True,
    "isolation.level": "read_committed",
    "auto.offset.reset": "error",
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 4096,
}


class TailReader:
    """Counts the data records of small tails within `timeout` seconds; what was counted is remembered.

    A topic that may not be read is left alone for some minutes: its refusal takes as long as a timeout.
    """

    def __init__(self, config: Mapping[str, Any], *, timeout: float) -> None:
        self._config = dict(config)
        self._timeout = timeout
        self._consumer: Consumer | None = None
        self._counted: dict[Tail, int] = {}
        self._refused: dict[str, float] = {}

    def count(self, tails: Collection[Tail]) -> dict[Tail, int]:
        """Return the data records of each tail; one that could not be read to its end is left out."""
        # A tail names both its ends, so the same tail holds the same records until the log is cut.
        self._counted = {tail: self._counted[tail] for tail in tails if tail in self._counted}
        new = [tail for tail in tails if tail not in self._counted]
        if new:
            self._counted |= self._read(new)
        return dict(self._counted)

    def close(self) -> None:
        """Close the consumer, if there ever was one."""
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None

    def written_at(self, tails: Collection[Tail]) -> dict[Tail, float]:
        """Return the timestamp of each tail's first record, in seconds since the epoch."""
        found: dict[Tail, float] = {}
        grouped = _by_partition(tails)
        # Groups at different offsets of one partition take turns.
        for turn in range(max(map(len, grouped.values()), default=0)):
            self._first({at: ours[turn] for at, ours in grouped.items() if turn < len(ours)}, found)
        return found

    def _first(self, tails: Mapping[TopicPartition, Tail], found: dict[Tail, float]) -> None:
        self._scan(
            {at: tail.position for at, tail in tails.items()},
            lambda at, record: _written(record, tails[at], found),
        )

    def _read(self, tails: Collection[Tail]) -> dict[Tail, int]:
        counts: Counter[Tail] = Counter()
        grouped = _by_partition(tails)
        finished = self._scan(
            {at: min(tail.position for tail in ours) for at, ours in grouped.items()},
            lambda at, record: _counts(record, grouped[at], counts),
        )
        return {tail: counts[tail] for at in finished for tail in grouped[at]}

    def _scan(
        self, positions: Mapping[TopicPartition, int], take: Callable[[TopicPartition, Message], bool]
    ) -> set[TopicPartition]:
        """Read each partition from its position until `take` says so; return those that came that far."""
        finished: set[TopicPartition] = set()
        now = time.monotonic()
        positions = {
            at: position for at, position in positions.items() if self._refused.get(at.topic, 0.0) <= now
        }
        if not positions:
            return finished
        deadline = time.monotonic() + self._timeout
        try:
            consumer = self._consumer or self._connect()
            consumer.assign([Wire(*at, position) for at, position in positions.items()])
            while len(finished) < len(positions) and time.monotonic() < deadline:
                for record in consumer.consume(_BATCH, _POLL_SECONDS):
                    at = TopicPartition(record.topic() or "", record.partition() or 0)
                    if _is_refusal(record):
                        self._refused[at.topic] = now + _REFUSED_SECONDS
                        positions = {left: 0 for left in positions if left.topic != at.topic}
                        finished = {left for left in finished if left.topic != at.topic}
                    if at in positions and at not in finished and take(at, record):
                        finished.add(at)
            consumer.unassign()
        except KafkaException:
            self.close()  # what was read counts; the next read starts with a new connection
        return finished

    def _connect(self) -> Consumer:
        # The client wants a group id; one that never subscribes or commits makes no group.
        self._consumer = Consumer(self._config | _CONFIG | {"group.id": f"orderflow-lag-{uuid4()}"})
        return self._consumer


def _by_partition(tails: Collection[Tail]) -> dict[TopicPartition, list[Tail]]:
    grouped: dict[TopicPartition, list[Tail]] = {}
    for tail in tails:
        grouped.setdefault(TopicPartition(tail.topic, tail.partition), []).append(tail)
    return grouped


def _is_refusal(record: Message) -> bool:
    error = record.error()
    return error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED


def _at_end(record: Message) -> bool:
    error = record.error()
    return error is not None and error.code() == KafkaError._PARTITION_EOF


def _counts(record: Message, tails: list[Tail], counts: Counter[Tail]) -> bool:
    """Count a record in the tails that hold it; return whether all of them are read to their ends."""
    error, offset = record.error(), record.offset()
    if error is not None or offset is None:
        return _at_end(record)
    counts.update(tail for tail in tails if tail.position <= offset < tail.end)
    return all(offset >= tail.end - 1 for tail in tails)


def _written(record: Message, tail: Tail, found: dict[Tail, float]) -> bool:
    """Note when the first record of a tail was written; an error or an end means there is none."""
    if record.error() is None:
        found[tail] = record.timestamp()[1] / 1000
    return record.error() is None or _at_end(record)
