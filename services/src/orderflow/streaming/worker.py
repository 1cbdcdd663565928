"""The loop of a worker: fetch, handle, commit; exactly once through every failure we know of.

    fetch     poll one record, then drain what is already here: the batch follows the backlog
    handle    outside any transaction, so that a slow reaction holds no reader back
    commit    begin, produce, offsets with fresh group metadata, end: one transaction a batch;
              while the broker ends it the next batch is handled, so that a backlog costs no waiting

Rebalances happen inside `fetch` alone, so no transaction is open when partitions go: the batch is done and
committed, the rest is forgotten and read by its next owner.
"""

from __future__ import annotations

import logging
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Generic

import structlog

from orderflow.streaming import metrics
from orderflow.streaming.admin import BrokerUnavailable, CurrentAdmin, is_member, missing_topics
from orderflow.streaming.batches import Done, Record
from orderflow.streaming.clients import consumer_config
from orderflow.streaming.committing import Committing
from orderflow.streaming.handling import Handling
from orderflow.streaming.login import Login
from orderflow.streaming.progress import Progress
from orderflow.streaming.service import E, Failure, Service
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import Source

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.1
_IDLE_SECONDS = 1.0
_LOOK_AGAIN_SECONDS = 0.5
_ASK_AGAIN_SECONDS = 2.0
_BATCHES_AHEAD = 2
_CHUNK_RECORDS = 256
_RECORDS_PER_LANE = 8


class Worker(Generic[E]):
    """One process: one consumer, one transactional producer, one service."""

    def __init__(self, service: Service[E], settings: WorkerSettings) -> None:
        self.progress = Progress()
        self._service = service
        self._settings = settings
        self._handling = Handling(
            service,
            group=settings.group,
            topic_prefix=settings.topic_prefix,
            max_attempts=settings.worker_max_attempts,
            on_failure=self._tell_failure,
        )
        self._login = Login(settings)
        self._source = Source(consumer_config(settings), self._login, service.name)
        self._committing = Committing(
            service.name, settings, self._login, self._source, self._handling, self.progress
        )
        self._lanes = ThreadPoolExecutor(service.concurrency) if service.concurrency > 1 else None
        self._busy_at = self._asked_at = time.monotonic()
        self._admin = CurrentAdmin(settings, self._login)

    def stop(self) -> None:
        """Ask the loop to finish its batch, leave the group and return; safe in a signal handler."""
        self.progress.stopping = True

    def run(self) -> None:
        """Work until `stop()`; raise WorkerStopped if the worker cannot go on."""
        self._login.start()
        try:
            if self._topics_exist() and self._committing.open():
                self._source.subscribe([self._settings.topic_prefix + name for name in self._service.reads])
                self.progress.waits_for = "its first assignment"
                while not self.progress.stopping:
                    self._step()
        finally:
            self.progress.stopping = True
            self._source.close()
            self._committing.close()
            self._login.stop()
            if self._lanes:
                self._lanes.shutdown()

    def _step(self) -> None:
        """Do one round: handle and commit what there is to read, if anything.

        While a batch commits, the next one is handled. It is never open when a rebalance is answered:
        only the next round fetches again.
        """
        self.progress.beat()
        assignment, started = self._source.assignment, time.monotonic()
        room = _BATCHES_AHEAD * self._settings.worker_max_batch - len(assignment.waiting)
        self._source.fetch(room, 0 if assignment.waiting else _POLL_SECONDS)
        self._look_for_membership()
        assignment.hold()
        batch = self._handle()
        if not batch:
            self._idle()
        while batch:
            in_time = time.monotonic() - started < self._settings.worker_batch_seconds
            ahead = self._commit(batch, handle_more=in_time and bool(assignment.waiting))
            batch = [done for done in ahead if done.record.partition in assignment.held]

    def _commit(self, batch: list[Done], *, handle_more: bool) -> list[Done]:
        """Commit a batch and return the next one, if one was handled meanwhile."""
        ahead: list[Done] = []
        self._committing.commit(batch, (lambda: ahead.extend(self._handle())) if handle_more else None)
        self._busy_at = time.monotonic()
        return ahead

    def _idle(self) -> None:
        """After a while without a record, show lag 0 to every tool."""
        if time.monotonic() - self._busy_at >= _IDLE_SECONDS and not self._committing.commit_markers():
            self._busy_at = time.monotonic()

    def _look_for_membership(self) -> None:
        """Ready is who has an assignment, an empty one included: of that the client says nothing, so ask."""
        now = time.monotonic()
        if not self._source.joined and now - self._asked_at > _ASK_AGAIN_SECONDS:
            self._source.joined = is_member(self._admin(), self._settings.group, self._source.member_id)
            self._asked_at = time.monotonic()
        if self._source.joined:
            self.progress.waits_for = None
        elif self.progress.waits_for is None:
            self.progress.waits_for = "its next assignment"

    def _handle(self) -> list[Done]:
        """Return what was done within the time a batch may take; the rest waits for the next."""
        assignment, done = self._source.assignment, list[Done]()
        assignment.hold()
        started = time.monotonic()
        size = self._service.concurrency * _RECORDS_PER_LANE if self._lanes else _CHUNK_RECORDS
        while records := assignment.take(min(size, self._settings.worker_max_batch - len(done))):
            at = datetime.now(UTC)
            if self._lanes:
                done += self._handling.handle_in_lanes(records, at, self._lanes)
            else:
                done += self._handling.handle(records, at)
            self.progress.beat()
            if time.monotonic() - started > self._settings.worker_batch_seconds:
                break
        if done:
            metrics.HANDLING_SECONDS.labels(self._service.name).observe(time.monotonic() - started)
        return done

    def _topics_exist(self) -> bool:
        """Wait until every topic is there; nobody creates one by writing to it. False: asked to stop."""
        names = [self._settings.topic_prefix + name for name in self._service.topics]
        while not self.progress.stopping:
            self.progress.beat()
            try:
                missing = missing_topics(self._admin(), names, timeout=2)
            except BrokerUnavailable as error:
                self._wait_for(f"Kafka at {self._settings.kafka_bootstrap_servers}: {error}")
                continue
            if not missing:
                return True
            self._wait_for(f"topics that do not exist: {', '.join(missing)}")
            time.sleep(_LOOK_AGAIN_SECONDS)
        return False

    def _wait_for(self, what: str) -> None:
        if self.progress.waits_for != what:
            log.warning("not ready", waits_for=what)
        self.progress.waits_for = what

    def _tell_failure(self, record: Record, failure: Failure, final: bool) -> None:
        (topic, partition), offset = record.partition, record.offset
        counter = metrics.DEAD_LETTERS if final else metrics.FAILED_ATTEMPTS
        counter.labels(self._service.name, failure.kind).inc()
        log.log(
            logging.WARNING if final else logging.INFO,
            "dead letter" if final else "attempt failed",
            reason=failure.reason,
            attempts=failure.attempts,
            topic=topic,
            partition=partition,
            offset=offset,
            exc_info=failure.error if failure.kind == "unexpected" else None,
        )
