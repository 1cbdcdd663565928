"""One transactional producer and the three ways its transaction can end.

    commit() returns      committed
    Aborted               certainly nothing of it; `open()` again, and try again
    ProducerLost          this producer is of no use any more; `open()` makes another one. Where
                          `undecided`, only the broker knows: read committed offsets before redoing it

librdkafka speaks transactions v1: a late end of one transaction may hit the next one of the same
producer (librdkafka#5423). So a timed-out commit or abort is never repeated: the producer is dropped,
and `init_transactions` of its successor makes the broker settle what was open.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

import structlog
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition

from orderflow.streaming.batches import Outgoing
from orderflow.streaming.clients import Config, new_producer
from orderflow.streaming.errors import error_of
from orderflow.streaming.login import Login

log = structlog.get_logger(__name__)

T = TypeVar("T")

_INIT_SECONDS = 2.0
_GRACE_SECONDS = 1.0
_REFUSALS = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)  # of a record, for what it is
_FENCED = (KafkaError._FENCED, KafkaError.INVALID_PRODUCER_EPOCH, KafkaError.PRODUCER_FENCED)


class Aborted(Exception):
    """The transaction left nothing in the log. `refused`: because of one of its records, for what it is."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__(error.str())
        self.code, self.refused = error.code(), error.code() in _REFUSALS


class ProducerLost(Exception):
    """The producer cannot go on. `undecided`: its last transaction may have committed."""

    def __init__(self, error: KafkaError, *, undecided: bool) -> None:
        super().__init__(error.str())
        self.code = error.code()
        self.undecided = undecided
        self.fenced = error.code() in _FENCED


class TransactionalProducer:
    """Writes records, and offsets with them, all or nothing. For one thread at a time.

    `timeout` bounds each call to the broker, in seconds. `beat` is called whenever there was progress
    or a bounded wait ended, for a watchdog.
    """

    def __init__(
        self, config: Config, login: Login, *, timeout: float, beat: Callable[[], None] = lambda: None
    ) -> None:
        self._config = config
        self._login = login
        self._timeout = timeout
        self._beat = beat
        self._producer: Producer | None = None
        self._version = 0

    @property
    def is_open(self) -> bool:
        return self._producer is not None

    @property
    def is_current(self) -> bool:
        """Whether it is open, and with the certificate that is valid now; else `open()` it (again)."""
        return self._producer is not None and self._version == self._login.version

    def open(self, *, keep_trying: Callable[[], bool] = lambda: True) -> bool:
        """Connect and fence off every earlier producer of this transactional id.

        Waits for the broker as long as `keep_trying()` says so; returns whether it is open now. Raises
        ProducerLost when the broker refuses (not authorized, id in use by an incompatible client).
        """
        self.drop()
        while keep_trying():
            version, producer = self._login.version, self._new()
            if self._init(producer, version, keep_trying):
                self._producer, self._version = producer, version
                return True
        return False

    def commit(
        self,
        records: Iterable[Outgoing],
        offsets: list[TopicPartition] | None = None,
        group: Callable[[], Any] | None = None,
    ) -> None:
        """Write `records` and the group's `offsets` in one transaction; raise Aborted or ProducerLost."""
        self.write(records)
        self.end(offsets, group)

    def write(self, records: Iterable[Outgoing]) -> None:
        """Begin a transaction and write `records` in it; raise Aborted or ProducerLost."""
        producer = self._opened()
        self._step(lambda: producer.begin_transaction())
        self._step(lambda: self._produce(producer, records))

    def end(
        self, offsets: list[TopicPartition] | None = None, group: Callable[[], Any] | None = None
    ) -> None:
        """Commit what was written, and the group's `offsets` with it; raise Aborted or ProducerLost.

        `group()` returns the consumer's group metadata. It is asked at the last moment, on this thread:
        under KIP-848 the member epoch moves with every reconciliation and an old one is refused.
        """
        producer = self._opened()
        if offsets and group is not None:
            metadata = group()
            self._step(lambda: self._send_offsets(producer, offsets, metadata))
        self._beat()
        self._step(lambda: producer.commit_transaction(self._timeout), ends=True)
        self._beat()

    def sweep(self, offsets: list[TopicPartition], group: Callable[[], Any]) -> None:
        """Send offsets and abort: that settles what a restarted broker holds pending of our predecessor."""
        producer, metadata = self._opened(), group()
        self._step(lambda: producer.begin_transaction())
        self._step(lambda: self._send_offsets(producer, offsets, metadata))
        self._step(lambda: producer.abort_transaction(self._timeout))

    def _opened(self) -> Producer:
        if self._producer is None:
            raise RuntimeError("open() the producer first")
        return self._producer

    def drop(self) -> None:
        """Let go of the producer without waiting for the broker; a later `open()` settles what it left."""
        producer, self._producer = self._producer, None
        if producer is not None:
            self._discard(producer)

    def _new(self) -> Producer:
        try:
            producer = new_producer(self._config | self._login.config())
        except KafkaException as error:
            raise ProducerLost(error_of(error), undecided=False) from error
        self._login.follow(producer)
        return producer

    def _init(self, producer: Producer, version: int, keep_trying: Callable[[], bool]) -> bool:
        """Fence off earlier producers; return whether that was done, else the producer is discarded."""
        while keep_trying() and version == self._login.version:
            self._beat()
            try:
                producer.init_transactions(_INIT_SECONDS)
            except KafkaException as error:
                reason = error_of(error)
                if reason.retriable() and not reason.fatal():
                    producer.poll(0)  # what it wants to say of this would pile up
                    continue
                self._discard(producer)
                raise ProducerLost(reason, undecided=False) from error
            return True
        self._discard(producer)
        return False

    def _produce(self, producer: Producer, records: Iterable[Outgoing]) -> None:
        produce = producer.produce
        for topic, key, value, headers in records:
            try:
                # No argument is named, that takes a third longer: any partition, no callbacks, now.
                produce(topic, value, key, -1, None, None, 0, headers)
            except BufferError:
                self._produce_when_there_is_room(producer, (topic, key, value, headers))

    def _produce_when_there_is_room(self, producer: Producer, record: Outgoing) -> None:
        topic, key, value, headers = record
        give_up = time.monotonic() + self._timeout
        while True:
            self._beat()
            producer.poll(0.05)
            with suppress(BufferError):
                producer.produce(topic, value, key, headers=headers)
                return
            if time.monotonic() > give_up:
                raise KafkaException(KafkaError(KafkaError._QUEUE_FULL))

    def _send_offsets(self, producer: Producer, offsets: list[TopicPartition], metadata: Any) -> None:
        """Send offsets within the timeout, which librdkafka does not keep while the coordinator is away
        (librdkafka#5456, #5511): a call that hangs is left behind with its producer."""
        sent = Future[None]()

        def send() -> None:
            try:
                producer.send_offsets_to_transaction(offsets, metadata, self._timeout)
                sent.set_result(None)
            except Exception as error:
                sent.set_exception(error)

        threading.Thread(target=send, name="send-offsets", daemon=True).start()
        try:
            sent.result(self._timeout + _GRACE_SECONDS)
        except TimeoutError:
            # Not closed: that would free what the hanging call still uses. It ends with its thread.
            self._login.forget(producer)
            self._producer = None
            hung = KafkaError(KafkaError._TIMED_OUT, "offsets were not taken in time")
            raise ProducerLost(hung, undecided=False) from None

    def _step(self, call: Callable[[], T], *, ends: bool = False) -> T:
        try:
            return call()
        except KafkaException as error:
            raise self._give_up(error_of(error), ends=ends) from error

    def _give_up(self, reason: KafkaError, *, ends: bool) -> Aborted | ProducerLost:
        """Abort if that is still possible; return what to raise."""
        undecided = ends and not reason.txn_requires_abort()
        if reason.fatal() or undecided or self._producer is None:
            self.drop()
            return ProducerLost(reason, undecided=undecided)
        try:
            self._producer.abort_transaction(self._timeout)
        except KafkaException as error:
            log.warning("abort failed, producer dropped", reason=error_of(error).str())
            self.drop()
            return ProducerLost(reason, undecided=False)
        # Its next records would have the sequence numbers of those that were on their way just now. If these
        # have reached the log, the broker takes the new ones for repeats: drops them, and commits the rest.
        self.drop()
        return Aborted(reason)

    def _discard(self, producer: Producer) -> None:
        self._login.forget(producer)

        # Closing waits for threads that may wait for a broker: not on the loop's thread.
        def close() -> None:
            # Nobody hears what it has to say any more; SystemError is how the client says that a fenced
            # producer cannot abort.
            with suppress(KafkaException, SystemError):
                producer.purge()
                producer.close()

        threading.Thread(target=close, name="discarded-producer", daemon=True).start()
