"""From a handled batch to a committed one, through aborts, lost producers and rebalances.

An abort is redone from memory. After an end nobody can be sure of, a new producer makes the broker settle
it, and the committed offsets say what is left to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain, repeat
from typing import Any

import structlog
from confluent_kafka import KafkaException

from orderflow.streaming import metrics
from orderflow.streaming.access import Access
from orderflow.streaming.batches import Batch, Partition, marker_positions
from orderflow.streaming.clients import transactional_config
from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.fencing import Fencings
from orderflow.streaming.handling import Handling
from orderflow.streaming.login import Login
from orderflow.streaming.obstacles import Obstacles, open_producer
from orderflow.streaming.progress import Progress
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import Source, topic_partitions
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer
from orderflow_lag.committed import Committed

log = structlog.get_logger(__name__)

_PAUSES = (0.0, 0.02, 0.05, 0.1, 0.2, 0.5)
_LAST_PAUSE, _LOOKS = 1.0, 10


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
        access: Access,
        on_commit: Callable[[Batch, float], None],
    ) -> None:
        self._name = name
        self._on_commit = on_commit
        self._settings = settings
        self._source = source
        self._handling = handling
        self._progress = progress
        self._obstacles = Obstacles(access, progress)
        timeout = settings.transaction_timeout_seconds
        self._config = transactional_config(settings, f"{name}-{settings.instance_name}", timeout)
        self._producer = TransactionalProducer(self._config, login, timeout=timeout, beat=progress.beat)
        self._beside = ThreadPoolExecutor(1, "commit")
        self._fencings = Fencings()
        self._stop_by: float | None = None
        # Where partitions stood before our takeover was counted, until a commit follows.
        self.counted: dict[Partition, Committed] = {}

    def open(self) -> bool:
        """Wait for Kafka and fence off earlier producers of this name; return whether that was done."""
        self._progress.waits_for = f"Kafka at {self._settings.kafka_bootstrap_servers}, for its producer"
        return open_producer(self._producer, self._config, self._obstacles, lambda: not self._out_of_time())

    def close(self) -> None:
        self._producer.drop()
        self._beside.shutdown()

    def commit(self, batch: Batch, meanwhile: Callable[[], None] | None = None) -> None:
        """Commit a batch, redoing it until it is committed or not ours any more.

        `meanwhile` is done on this thread while the broker is waited for; it may not touch the consumer. Once
        a stop has left a batch undone every later call returns at once."""
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
                    batch, buried = self._bury_refused(batch, aborted), True
                elif aborted.refused and batch.done:
                    self._obstacles.ask_for_room(batch.done[0])
                elif pause:
                    batch = self._wait_out(batch, aborted)
                batch = self._still_ours(batch, pause)
            except ProducerLost as lost:
                batch = self._recover(batch, lost)
                if pause:
                    batch = self._wait_out(batch, lost)
            meanwhile = None

    def commit_markers(self, unfinished: Set[Partition]) -> bool:
        """Commit the positions past the last commit markers, so that every tool shows lag 0 when idle, but
        for the `unfinished` partitions. Returns whether nothing is left to commit."""
        assignment = self._source.assignment
        ends = marker_positions(assignment.ends, assignment.committed)
        whole = ends.keys() - unfinished - assignment.first.keys()
        return self.commit_positions({partition: Committed(ends[partition]) for partition in whole})

    def commit_positions(self, positions: Mapping[Partition, Committed]) -> bool:
        """Commit where partitions stand, and nothing else; return whether nothing is left to commit."""
        if not positions or not self._has_producer():
            return not positions
        try:
            self._producer.commit((), topic_partitions(positions), self._source.group_metadata)
        except Aborted as aborted:
            self._tell_abort(aborted, 0)
            return False
        except ProducerLost as lost:
            self._recover(Batch(), lost)
            return False
        self._note(positions)
        return True

    def take_back(self, positions: Mapping[Partition, Committed]) -> None:
        """Commit positions if that can be done at once: inside a rebalance nothing else may be tried."""
        if not positions or not self._producer.is_current:
            return
        try:
            self._producer.commit((), topic_partitions(positions), self._source.group_metadata)
        except (Aborted, ProducerLost) as error:
            log.info("takeovers stay counted", partitions=len(positions), reason=str(error))

    def _has_producer(self) -> bool:
        """Make another one where it is gone or the certificate has changed; False: stopping."""
        if self._producer.is_current:
            return True
        waited_for = self._progress.waits_for
        if not self.open():
            return False
        self._progress.waits_for = waited_for
        return True

    def _commit_once(self, batch: Batch, meanwhile: Callable[[], None] | None) -> None:
        started, positions = time.monotonic(), batch.positions

        self._producer.write(record for done in batch.done for record in done.outgoing)

        def end() -> None:
            self._producer.end(topic_partitions(positions), self._source.group_metadata)

        # The writing is not done beside: it lets the interpreter go at every record, and would wait for it
        # again each time while this thread handles records.
        ended = self._beside.submit(end)
        try:
            if meanwhile is not None:
                meanwhile()
        finally:
            ended.result()
            self._note(positions)
        self._on_commit(batch, time.monotonic() - started)

    def _commit_halves(self, batch: Batch) -> None:
        """Narrow down the record that the broker refuses, so that it costs nobody else."""
        first, second = batch.halves()
        self.commit(first)
        # Some of it may have gone while the first half was tried.
        self.commit(second.outstanding({}, self._source.assignment.held))

    def _bury_refused(self, batch: Batch, why: Aborted) -> Batch:
        at = datetime.now(UTC)
        return replace(batch, done=[self._handling.refuse(done.record, why, at) for done in batch.done])

    def _note(self, positions: Mapping[Partition, Committed]) -> None:
        assignment = self._source.assignment
        assignment.committed.update({partition: at.offset for partition, at in positions.items()})
        for partition in positions:
            self.counted.pop(partition, None)

    def _wait_out(self, batch: Batch, reason: Aborted | ProducerLost) -> Batch:
        """Wait while the broker says what has to come before a commit; return what is still ours."""
        for _ in range(_LOOKS):
            if not self._obstacles.look(reason) or not batch or self._out_of_time():
                break
            batch = self._still_ours(batch, _LAST_PAUSE)
        return batch

    def _still_ours(self, batch: Batch, pause: float) -> Batch:
        """Wait, answer rebalances, and return the part of the batch that we may go on with."""
        time.sleep(pause)
        self._progress.beat()
        self._source.fetch(1, 0)
        return batch.outstanding({}, self._source.assignment.held)

    def _recover(self, batch: Batch, lost: ProducerLost) -> Batch:
        """Make a new producer and return what of the batch the broker has not committed."""
        log.warning("producer lost, making another", reason=str(lost), undecided=lost.undecided)
        metrics.REBUILT.labels(self._name).inc()
        if lost.undecided:
            self.counted.clear()  # It may have committed: taken back it would be done twice.
        self._check_fenced(lost)
        if not self.open():
            return Batch()
        while not self._out_of_time():
            # Rebalances of the outage first: what is not ours any more is not ours to redo.
            batch = self._still_ours(batch, 0)
            try:
                committed = self._source.committed(self._source.assignment.owned)
            except KafkaException as error:
                log.warning("committed offsets not to be had yet", reason=str(error.args[0]))
                self.sweep(self._source.assignment.committed)
                continue
            self._source.assignment.committed.update({each: at.offset for each, at in committed.items()})
            self._progress.waits_for = None
            return batch.outstanding(committed, self._source.assignment.held)
        return Batch()

    def sweep(self, offsets: Mapping[Partition, int]) -> None:
        """Settle what our last producer may have left pending of partitions: the broker tells no committed
        offsets before. None of these is committed."""
        stands = {each: Committed(at) for each, at in offsets.items()}
        with suppress(Aborted, ProducerLost):
            if stands and self._has_producer():
                self._producer.sweep(topic_partitions(stands), self._source.group_metadata)

    def _check_fenced(self, lost: ProducerLost) -> None:
        if lost.fenced and self._fencings.again(time.monotonic()):
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
