"""Taking over partitions: what their last owner left unfinished, and how carefully to go on."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from orderflow.streaming.batches import Batch, Done, Partition, Record
from orderflow.streaming.caution import MOST_COUNTED
from orderflow.streaming.committing import Committing
from orderflow.streaming.errors import error_of
from orderflow.streaming.handling import Handling
from orderflow.streaming.parking import Handled
from orderflow.streaming.service import Failure, Service
from orderflow.streaming.settings import WorkerSettings
from orderflow.streaming.source import Source
from orderflow.streaming.turns import Turns
from orderflow_lag.committed import Committed

log = structlog.get_logger(__name__)

# Batches that may have been ahead of the last commit when the process ended.
_BATCHES_AHEAD = 3
_ASK_AGAIN_SECONDS = 0.1


class ProcessEnded(Exception):
    """The process ended each time while it handled the record."""


class Takeover:
    """For the loop's thread, between two batches."""

    def __init__(
        self,
        service: Service[Any],
        settings: WorkerSettings,
        source: Source,
        turns: Turns[Any],
        handling: Handling[Any],
        committing: Committing,
    ) -> None:
        self._service = service
        self._small_for = _BATCHES_AHEAD * settings.worker_max_batch
        self._source = source
        self._turns = turns
        self._handling = handling
        self._committing = committing
        self._unanswered = False
        self._silence: str | None = None
        source.before_revocation, source.after_loss = self._leave, self._forget

    @property
    def waits_for(self) -> str | None:
        """What nothing is handled without, while Kafka does not tell it."""
        unknown = len(self._source.assignment.first) if self._unanswered else 0
        return f"Kafka, to tell where {unknown} partitions stand" if unknown else None

    def look_up(self) -> bool:
        """Learn where the partitions stand of which first records came; False: no answer yet, try again.

        Reading the committed offsets waits until the last owner's transactions are decided.
        """
        assignment = self._source.assignment
        first = dict(assignment.first)
        self._unanswered = True
        try:
            left = {partition: Committed(offset) for partition, offset in first.items()}
            left |= self._source.committed(first)
        except KafkaException as error:
            self._say(error_of(error).str())
            if error_of(error).code() == KafkaError._TIMED_OUT:
                # The process before this one, of the same name, may have left them pending.
                self._committing.sweep(first)
            # Some refusals come at once, and as often as one asks.
            time.sleep(_ASK_AGAIN_SECONDS)
            return False
        self._silence = None
        if not self._count_takeovers(left):
            return False
        for partition, offset in first.items():
            self._take_over(partition, offset, left[partition])
        self._service.reassigned(_numbers(first), _numbers(assignment.owned))
        assignment.looked_up(first)
        self._unanswered = False
        return True

    def _say(self, reason: str) -> None:
        if reason != self._silence:
            log.warning("committed offsets not to be had yet", reason=reason)
        self._silence = reason

    def one_alone(self) -> None:
        """Handle and commit the next record of each partition whose records are tried one at a time."""
        for partition in list(self._turns.caution.alone):
            waiting = self._source.assignment.apart.get(partition)
            if waiting:
                self._try_alone(waiting.popleft())

    def _count_takeovers(self, left: Mapping[Partition, Committed]) -> bool:
        """Commit that we begin at the first unfinished records, but for those to be tried alone."""
        tried = {
            partition: replace(at, takeovers=at.takeovers + 1)
            for partition, at in left.items()
            if at.takeovers < MOST_COUNTED - 1
        }
        if not self._committing.commit_positions(tried):
            return False
        self._committing.counted.update({partition: left[partition] for partition in tried})
        return True

    def _take_over(self, partition: Partition, first: int, left: Committed) -> None:
        self._turns.caution.begin(partition, left.takeovers, for_records=self._small_for)
        if partition in self._turns.caution.alone:
            log.warning(
                "one record at a time: owners before ended at one", partition=partition[1], offset=first
            )
            self._source.assignment.set_apart(partition)
        self._turns.parking.restore(partition, first, left)

    def _try_alone(self, record: Record) -> None:
        partition = record.partition
        if self._turns.parking.is_finished(record):
            return
        done = self._outcome(record)
        if done is None:
            # It may have gone meanwhile, and its records with it.
            self._source.assignment.apart.get(partition, deque[Record]()).appendleft(record)
            return
        self._turns.parking.settle(Handled([done], []), lambda _attempts: 0.0)
        self._turns.letters.clear()
        last = self._turns.caution.passed_alone(partition)
        after = self._turns.parking.standings.get(partition, Committed(record.offset + 1))
        counted = replace(after, takeovers=0 if last else MOST_COUNTED - 1)
        self._source.assignment.hold()
        self._committing.commit(Batch([done], {partition: counted}))

    def _outcome(self, record: Record) -> Done | None:
        """Return what became of a record; None: it was not tried, and is to be tried again later."""
        counted = self._turns.caution.counted.get(record.partition, 0)
        if counted >= MOST_COUNTED:
            ended = ProcessEnded(f"the process ended {counted} times while it handled this record")
            failure = Failure("unexpected", ended, counted)
            return self._handling.bury(record, failure, datetime.now(UTC))
        here = self._turns.parking.standings.get(record.partition, Committed(record.offset))
        if not self._committing.commit_positions({record.partition: replace(here, takeovers=MOST_COUNTED)}):
            return None
        before = replace(here, takeovers=MOST_COUNTED - 1)
        self._committing.counted[record.partition] = before
        done = self._insist(record, here.attempts + 1)
        if done is None:
            self._committing.commit_positions({record.partition: before})
        return done

    def _insist(self, record: Record, attempt: int) -> Done | None:
        """Make as many attempts at a record as are allowed, one right after the other."""
        while True:
            handled = self._handling.handle([record], datetime.now(UTC), attempt)
            if handled.done:
                return handled.done[0]
            ((_record, failure),) = handled.held
            if failure is None or failure.attempts < attempt:
                return None
            attempt += 1

    def _leave(self, partitions: set[Partition]) -> None:
        """Take back that we began, of partitions that go in peace."""
        counted = self._committing.counted
        self._committing.take_back({each: counted.pop(each) for each in partitions & counted.keys()})

    def _forget(self, gone: set[Partition]) -> None:
        self._turns.lose(gone)
        for partition in gone:
            self._committing.counted.pop(partition, None)
        self._service.reassigned(frozenset(), _numbers(self._source.assignment.owned))


def _numbers(partitions: Iterable[Partition]) -> frozenset[int]:
    return frozenset(number for _topic, number in partitions)
