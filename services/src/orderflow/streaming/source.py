"""The consuming side of a worker: records in, rebalances, and where the group stands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from orderflow.streaming import metrics
from orderflow.streaming.assignment import Assignment
from orderflow.streaming.batches import Partition, Record
from orderflow.streaming.clients import Config, new_consumer
from orderflow.streaming.errors import WorkerStopped, error_of
from orderflow.streaming.login import Login, Mailbox
from orderflow_lag.committed import Committed

log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 5.0
_partitions = dict[Partition, Partition]()
_UNSUPPORTED = (KafkaError._UNSUPPORTED_FEATURE, KafkaError.UNSUPPORTED_VERSION)


class Source:
    """A consumer and what it has read; for one thread. Callbacks run inside `fetch` and `close` only."""

    def __init__(self, config: Config, login: Login, service: str) -> None:
        self.assignment = Assignment()
        self.joined = False
        self._config = config
        self._login = login
        self._service = service
        self._topics: list[str] = []
        self._ended = False
        self._mailbox = Mailbox()
        login.follow(self._mailbox)
        self._paused = set[Partition]()
        self.before_revocation: Callable[[set[Partition]], None] = lambda _partitions: None
        self.after_loss: Callable[[set[Partition]], None] = lambda _partitions: None
        metrics.reads_at_zero(service)
        self._consumer = self._new()

    def subscribe(self, topics: list[str]) -> None:
        self._topics = topics
        self._consumer.subscribe(topics, on_assign=self._gain, on_revoke=self._revoked, on_lost=self._lost)

    def fetch(self, room: int, wait: float) -> None:
        """Wait for one record up to `wait` seconds, then take what is already here, `room` in all.

        Rebalances are answered meanwhile. A certificate that changed is one, and a consumer that the client
        gave up: this member leaves, another one joins. Raises WorkerStopped if the client cannot go on.
        """
        if self._version != self._login.version or self._ended:
            self._rejoin()
        self._mailbox.deliver(self._consumer)
        try:
            first = self._consumer.poll(wait)
            messages = [] if first is None else [first]
            if first is not None and room > 1:
                messages += self._consumer.consume(room - 1, 0)
        except KafkaException as error:
            raise _stopped(error_of(error)) from error
        # poll() may have returned a record of a partition that went in the following consume().
        self.assignment.add([record_of(message) for message in messages if self._is_record(message)])

    def committed(self, partitions: Iterable[Partition]) -> dict[Partition, Committed]:
        """Return where the group stands on partitions, but for those where it never committed.

        While a transaction with offsets of them is undecided, the broker does not say. Raises KafkaException
        if nobody answers.
        """
        asked = _topic_partitions(partitions)
        answers = self._consumer.committed(asked, timeout=_ANSWER_SECONDS) if asked else []
        return {
            (answer.topic, answer.partition): Committed.read(answer.offset, answer.metadata)
            for answer in answers
            if answer.offset >= 0
        }

    def hold_back(self, partitions: set[Partition]) -> None:
        """Fetch nothing of these partitions, and of all others again. Rebalances are answered as ever."""
        partitions &= self.assignment.owned
        self._paused &= self.assignment.owned
        if partitions == self._paused:
            return
        try:
            self._consumer.pause(_topic_partitions(partitions - self._paused))
            self._consumer.resume(_topic_partitions(self._paused - partitions))
        except KafkaException as error:
            # A partition that is just going; what is ours is tried again at the next call.
            log.info("partitions not held back", reason=error_of(error).str())
            return
        self._paused = partitions

    def known_ends(self) -> dict[Partition, int]:
        """Return the end offsets of our partitions that the client has heard of; asks nobody."""
        ends = dict[Partition, int]()
        for topic, number in self.assignment.owned:
            known = self._consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
            if known and known[1] >= 0:
                ends[topic, number] = known[1]
        return ends

    @property
    def member_id(self) -> str:
        """What the coordinator calls this consumer."""
        return self._consumer.memberid() or ""

    def group_metadata(self) -> Any:
        """Return what proves to the coordinator that we are a member, as of now."""
        return self._consumer.consumer_group_metadata()

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _new(self) -> Consumer:
        self._version = self._login.version
        return new_consumer(self._config | self._login.config())

    def _rejoin(self) -> None:
        self.close()
        self._forget(set(self.assignment.owned))
        self.joined = self._ended = False
        self._consumer = self._new()
        self.subscribe(self._topics)

    def _is_record(self, message: Message) -> bool:
        error = message.error()
        if error is None:
            return True
        if error.code() == KafkaError._PARTITION_EOF:
            end: Any = message.offset()
            self.assignment.reached({partition_of(message): end})
        elif error.code() in _UNSUPPORTED:
            raise _stopped(error)
        elif error.fatal() or error.code() == KafkaError._FATAL:
            # As when the group's ACL was taken away: this consumer will not come back, another one may.
            self.joined, self._ended = False, True
            log.error("this consumer is no more, another one joins", error=error.name(), detail=error.str())
        else:
            # It may be over or may last: only the broker knows whether this is a member that may read.
            self.joined = False
            log.warning("kafka reports", error=error.name(), detail=error.str())
        return False

    def _gain(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.joined = True
        # Whatever is assigned is fetched, also what was held back when it was last ours.
        self._paused -= set(_pairs(partitions))
        self.assignment.gain(_pairs(partitions))
        self._tell("assigned", partitions)

    def _revoked(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.before_revocation(set(_pairs(partitions)))
        self._forget(set(_pairs(partitions)))
        self._tell("revoked", partitions)

    def _lost(self, _consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._forget(set(_pairs(partitions)))
        self._tell("lost", partitions)

    def _forget(self, gone: set[Partition]) -> None:
        self.assignment.lose(gone)
        self.after_loss(gone)

    def _tell(self, kind: str, partitions: list[TopicPartition]) -> None:
        metrics.REBALANCES.labels(self._service, kind).inc()
        metrics.ASSIGNED.labels(self._service).set(len(self.assignment.owned))
        numbers = sorted(partition.partition for partition in partitions)
        log.info(f"partitions {kind}", partitions=numbers, owned=len(self.assignment.owned))


def record_of(message: Message) -> Record:
    """Return a consumed message as a record."""
    # The client types every part as optional because an error has none of them; a record has them all.
    offset: Any = message.offset()
    carrying: Any = message
    return Record(
        partition_of(message), offset, message.timestamp()[1], message.key(), message.value(), carrying
    )


def partition_of(message: Message) -> Partition:
    """Return where a message stands: the same object for all of a partition, as thousands of them wait."""
    place: Any = message.topic(), message.partition()
    return _partitions.setdefault(place, place)


def topic_partitions(positions: Mapping[Partition, Committed]) -> list[TopicPartition]:
    """Return positions as the client wants them."""
    return [
        TopicPartition(topic, number, at.offset, at.metadata) for (topic, number), at in positions.items()
    ]


def _topic_partitions(partitions: Iterable[Partition]) -> list[TopicPartition]:
    return [TopicPartition(topic, number) for topic, number in partitions]


def _pairs(partitions: Iterable[TopicPartition]) -> list[Partition]:
    return [(partition.topic, partition.partition) for partition in partitions]


def _stopped(error: KafkaError) -> WorkerStopped:
    if error.code() in _UNSUPPORTED:
        return WorkerStopped(
            "this broker does not know the consumer group protocol of Kafka 4.0 (KIP-848): "
            "set KAFKA_GROUP_PROTOCOL=classic"
        )
    return WorkerStopped(f"Kafka ended this consumer: {error.name()}: {error.str()}")
