"""From a handled batch to a committed one, through aborts, lost producers and rebalances.

An abort is redone from memory. After an end nobody can be sure of, a new producer makes the broker settle
it, and the committed offsets say what is left to do.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

import structlog
from confluent_kafka import KafkaException

from orderflow.streaming import metrics
from orderflow.streaming.batches import Done, marker_positions, next_offsets, outstanding
from orderflow.streaming.clients import transactional_config
from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.handling import Handling
from orderflow.streaming.login import Login
from orderflow.streaming.progress import Progress
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import Source, topic_partitions
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer

log = structlog.get_logger(__name__)

_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
_LAST_PAUSE = 1.0
_FENCED_TIMES, _FENCED_SECONDS = 3, 60.0


class Committing:
    """The producing side of a worker. Everything here returns early once a stop has waited long enough."""

    def __init__(
        self,
        name: str,
        settings: WorkerSettings,
        login: Login,
        source: Source,
        handling: Handling[Any],
        progress: Progress,
    ) -> None:
        self._name = name
        self._settings = settings
        self._source = source
        self._handling = handling
        self._progress = progress
        timeout = settings.transaction_timeout_seconds
        config = transactional_config(settings, f"{name}-{settings.instance_name}", timeout)
        self._producer = TransactionalProducer(config, login, timeout=timeout, beat=progress.beat)
        self._beside = ThreadPoolExecutor(1, "commit")
        self._fenced_at: list[float] = []
        self._stop_by: float | None = None

    def open(self) -> bool:
        """Wait for Kafka and fence off earlier producers of this name; return whether that was done."""
        self._progress.waits_for = f"Kafka at {self._settings.kafka_bootstrap_servers}, for its producer"
        try:
            return self._producer.open(keep_trying=lambda: not self._out_of_time())
        except ProducerLost as refused:
            raise WorkerStopped(f"Kafka refuses this worker's transactions: {refused}") from refused

    def close(self) -> None:
        self._producer.drop()
        self._beside.shutdown()

    def commit(self, batch: list[Done], meanwhile: Callable[[], None] | None = None) -> None:
        """Commit a batch, redoing it until it is committed or not ours any more.

        `meanwhile` is done on this thread while the broker is waited for; it may not touch the consumer.
        A batch that a stop leaves undone is followed by no other: every later call returns at once.
        """
        buried = False
        for pause in chain(_PAUSES, repeat(_LAST_PAUSE)):
            if not batch or self._out_of_time() or not self._has_producer():
                return
            try:
                self._commit_once(batch, meanwhile)
                return
            except Aborted as aborted:
                self._tell_abort(aborted, len(batch))
                # Alone in a transaction it tells which record is refused.
                if aborted.refused and len(batch) > 1:
                    self._commit_halves(batch)
                    return
                if aborted.refused and not buried:
                    batch, buried = [self._handling.refuse(batch[0].record, aborted, datetime.now(UTC))], True
                elif aborted.refused:
                    self._ask_for_room(batch[0])
                batch = self._still_ours(batch, pause)
            except ProducerLost as lost:
                batch = self._recover(batch, lost)
            meanwhile = None

    def commit_markers(self) -> bool:
        """Commit the positions past the last commit markers, so that every tool shows lag 0 when idle.

        Returns whether nothing is left to commit.
        """
        assignment = self._source.assignment
        positions = marker_positions(assignment.ends, assignment.committed)
        if not positions:
            return True
        if not self._has_producer():
            return False
        try:
            self._producer.commit((), topic_partitions(positions), self._source.group_metadata)
        except Aborted as aborted:
            self._tell_abort(aborted, 0)
            return False
        except ProducerLost as lost:
            self._recover([], lost)
            return False
        assignment.committed.update(positions)
        return True

    def _has_producer(self) -> bool:
        """Make another one where it is gone or the certificate has changed; False: stopping."""
        if self._producer.is_current:
            return True
        waited_for = self._progress.waits_for
        if not self.open():
            return False
        self._progress.waits_for = waited_for
        return True

    def _commit_once(self, batch: list[Done], meanwhile: Callable[[], None] | None) -> None:
        started, offsets = time.monotonic(), next_offsets(batch)

        self._producer.write(record for done in batch for record in done.outgoing)

        def end() -> None:
            self._producer.end(topic_partitions(offsets), self._source.group_metadata)

        if meanwhile is None:
            end()
        else:
            # The writing is not done beside: it lets the interpreter go at every record, and would wait for
            # it again each time while this thread handles records.
            ended = self._beside.submit(end)
            try:
                meanwhile()
            finally:
                ended.result()
        self._source.assignment.committed.update(offsets)
        metrics.TRANSACTION_SECONDS.labels(self._name).observe(time.monotonic() - started)
        metrics.RECORDS.labels(self._name).inc(len(batch))
        metrics.BATCH_RECORDS.labels(self._name).observe(len(batch))

    def _commit_halves(self, batch: list[Done]) -> None:
        """Narrow down the record that the broker refuses, so that it costs nobody else."""
        middle = len(batch) // 2
        self.commit(batch[:middle])
        self.commit(batch[middle:])

    def _ask_for_room(self, buried: Done) -> None:
        """Say which topic takes not even the dead letter; nothing is lost, once there is room it goes on."""
        (topic, number), offset = buried.record.partition, buried.record.offset
        self._progress.waits_for = (
            f"{buried.outgoing[0][0]} to take the dead letter of {topic}[{number}] offset {offset}, "
            f"{len(buried.record.value or b'')} bytes: raise its max.message.bytes"
        )
        log.error("dead letter refused", waits_for=self._progress.waits_for)

    def _still_ours(self, batch: list[Done], pause: float) -> list[Done]:
        """Wait, answer rebalances, and return the part of the batch that we may go on with."""
        time.sleep(pause)
        self._progress.beat()
        self._source.fetch(1, 0)
        return outstanding(batch, {}, self._source.assignment.held)

    def _recover(self, batch: list[Done], lost: ProducerLost) -> list[Done]:
        """Make a new producer and return what of the batch the broker has not committed."""
        log.warning("producer lost, making another", reason=str(lost), undecided=lost.undecided)
        metrics.REBUILT.labels(self._name).inc()
        self._check_fenced(lost)
        if not self.open():
            return []
        while not self._out_of_time():
            # Rebalances of the outage first: what is not ours any more is not ours to redo.
            batch = self._still_ours(batch, 0)
            try:
                committed = self._source.committed()
            except KafkaException as error:
                log.warning("committed offsets not to be had yet", reason=str(error.args[0]))
                continue
            self._source.assignment.committed.update(committed)
            self._progress.waits_for = None
            return outstanding(batch, committed, self._source.assignment.held)
        return []

    def _check_fenced(self, lost: ProducerLost) -> None:
        """Being fenced again and again means that two processes share one name: no work for either."""
        now = time.monotonic()
        if lost.fenced:
            self._fenced_at = [at for at in self._fenced_at if now - at < _FENCED_SECONDS] + [now]
        if len(self._fenced_at) >= _FENCED_TIMES:
            raise WorkerStopped(
                f"another process works as INSTANCE_NAME={self._settings.instance_name}: give each its own"
            )

    def _tell_abort(self, aborted: Aborted, records: int) -> None:
        log.warning("transaction aborted, to be done again", records=records, reason=str(aborted))
        metrics.ABORTED.labels(self._name).inc()

    def _out_of_time(self) -> bool:
        """Whether a stop was asked for so long ago that the rest is left to the next owner."""
        if not self._progress.stopping:
            return False
        self._stop_by = self._stop_by or time.monotonic() + self._settings.transaction_timeout_seconds
        return time.monotonic() > self._stop_by
