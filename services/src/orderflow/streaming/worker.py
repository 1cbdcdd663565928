"""The loop of a worker: fetch, handle, commit; exactly once through every failure we know of.

    fetch     poll one record, then drain what is already here: the batch follows the backlog
    handle    outside any transaction, so that a slow reaction holds no reader back
    commit    begin, produce, offsets with fresh group metadata, end: one transaction a batch;
              while the broker ends it the next batch is handled, so that a backlog costs no waiting

Rebalances happen inside `fetch` alone, so no transaction is open when partitions go: the batch is done and
committed, the rest is forgotten and read by its next owner.
"""

from __future__ import annotations

import time
from typing import Generic

from orderflow.observability.records import spans_of
from orderflow.streaming.access import Access
from orderflow.streaming.batches import Batch, Record
from orderflow.streaming.clients import consumer_config
from orderflow.streaming.committing import Committing
from orderflow.streaming.failures import Failures
from orderflow.streaming.handling import Handling
from orderflow.streaming.login import Login
from orderflow.streaming.measuring import Measuring
from orderflow.streaming.membership import Membership
from orderflow.streaming.progress import Progress
from orderflow.streaming.service import E, Failure, Service
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import Source
from orderflow.streaming.takeover import Takeover
from orderflow.streaming.turns import Turns

_IDLE_SECONDS = 1.0
_BATCHES_AHEAD = 2


class Worker(Generic[E]):
    """One process: one consumer, one transactional producer, one service."""

    def __init__(self, service: Service[E], settings: WorkerSettings) -> None:
        self.progress = Progress()
        self._service = service
        self._settings = settings
        self._spans = spans_of(service.name, settings.group, settings.instance_name, settings)
        self._failures = Failures(service.name, settings.group)
        handling = Handling(
            service,
            group=settings.group,
            topic_prefix=settings.topic_prefix,
            max_attempts=settings.worker_max_attempts,
            on_failure=self._tell_failure,
            spans=self._spans,
        )
        self._login = Login(settings)
        self._source = Source(consumer_config(settings), self._login, service.name)
        self._turns = Turns(service, settings, handling, self._source.assignment, self.progress)
        writes = (name for name in service.topics if name not in service.reads)
        access = Access(settings, self._login, reads=service.reads, writes=writes, group=settings.group)
        self._measuring = Measuring(service)
        self._committing = Committing(
            service.name,
            settings,
            self._login,
            self._source,
            handling,
            self.progress,
            access,
            self._committed,
        )
        self._takeover = Takeover(service, settings, self._source, self._turns, handling, self._committing)
        self._membership = Membership(settings, self._login, self._source, access, self.progress)
        self._busy_at = time.monotonic()

    def stop(self) -> None:
        """Ask the loop to finish its batch, leave the group and return; safe in a signal handler."""
        self.progress.stopping = True

    def run(self) -> None:
        """Work until `stop()`; raise WorkerStopped if the worker cannot go on."""
        self._login.start()
        try:
            if self._membership.may_begin() and self._committing.open():
                self._source.subscribe([self._settings.topic_prefix + name for name in self._service.reads])
                self.progress.waits_for = "its first assignment"
                while not self.progress.stopping:
                    self._step()
        finally:
            self.progress.stopping = True
            self._source.close()
            self._committing.close()
            self._login.stop()
            self._turns.close()
            if self._spans is not None:
                self._spans.close()

    def _step(self) -> None:
        """Do one round: handle and commit what there is to read, if anything.

        While a batch commits, the next one is handled. It is never open when a rebalance is answered:
        only the next round fetches again.
        """
        self.progress.beat()
        assignment, started = self._source.assignment, time.monotonic()
        self._source.hold_back(self._turns.held_back(started))
        room = _BATCHES_AHEAD * self._settings.worker_max_batch - len(assignment.waiting)
        self._source.fetch(room, self._turns.patience(started))
        self._measuring.look(started, self._source, len(self._turns.parking))
        if self._membership.look(self._busy_at):
            self.progress.waits_for = self._takeover.waits_for or self._turns.stopped_because(
                time.monotonic()
            )
        if assignment.first and not self._takeover.look_up():
            self.progress.waits_for = self._takeover.waits_for
            return
        self._takeover.one_alone()
        batch = self._turns.next_batch()
        if not batch:
            self._idle()
        while batch:
            in_time = time.monotonic() - started < self._settings.worker_batch_seconds
            known = bool(assignment.waiting) and not assignment.first
            ahead = self._commit(batch, handle_more=in_time and known)
            batch = ahead.outstanding({}, assignment.held)

    def _committed(self, batch: Batch, seconds: float) -> None:
        self._measuring.committed(batch, seconds)
        if self._spans is not None:
            self._spans.committed(batch.done, seconds)

    def _commit(self, batch: Batch, *, handle_more: bool) -> Batch:
        """Commit a batch and return the next one, if one was handled meanwhile."""
        ahead: list[Batch] = []
        more = (lambda: ahead.append(self._turns.next_batch())) if handle_more else None
        self._committing.commit(batch, more)
        self._busy_at = time.monotonic()
        return ahead[0] if ahead else Batch()

    def _idle(self) -> None:
        """After a while without a record, show lag 0 to every tool."""
        unfinished = self._turns.parking.standings.keys()
        # What was read and not handled yet lies before the ends that reading has met.
        idle = self._source.assignment.is_empty and time.monotonic() - self._busy_at >= _IDLE_SECONDS
        if idle and not self._committing.commit_markers(unfinished):
            self._busy_at = time.monotonic()

    def _tell_failure(self, record: Record, failure: Failure, final: bool) -> None:
        if final:
            self._turns.letters.append(record)
        self._failures.tell(record, failure, final=final)
