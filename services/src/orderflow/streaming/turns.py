"""Whose turn it is: lines whose backoff is over, then what was read; from there to the next batch."""

from __future__ import annotations

import random
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Generic

import structlog

from orderflow.streaming import metrics
from orderflow.streaming.assignment import Assignment
from orderflow.streaming.batches import Batch, Done, Partition, Record
from orderflow.streaming.breaker import PROBE_RECORDS, Breaker
from orderflow.streaming.caution import Caution
from orderflow.streaming.handling import Handling
from orderflow.streaming.parking import Handled, Line, Parking, Turn, line_of
from orderflow.streaming.progress import Progress
from orderflow.streaming.service import E, Service
from orderflow.streaming.settings import WorkerSettings

log = structlog.get_logger(__name__)

_POLL_SECONDS = 0.1
_CHUNK_RECORDS = 256
_RECORDS_PER_LANE = 8
_LONGEST_BACKOFF_SECONDS = 60.0
# Records that wait for another attempt, and for those; what is more is not even read.
_MOST_HELD = 10_000


class Turns(Generic[E]):
    """Handles what is to be handled next. For the loop's thread; it touches no client."""

    def __init__(
        self,
        service: Service[E],
        settings: WorkerSettings,
        handling: Handling[E],
        assignment: Assignment,
        progress: Progress,
    ) -> None:
        self.parking = Parking()
        self.caution = Caution()
        self.letters: list[Record] = []  # that became dead letters, until they are counted
        self._name = service.name
        self._settings = settings
        self._handling = handling
        self._assignment = assignment
        self._progress = progress
        self._breaker = Breaker(settings.worker_max_poison_share)
        self._lanes = ThreadPoolExecutor(service.concurrency) if service.concurrency > 1 else None
        self._chunk = service.concurrency * _RECORDS_PER_LANE if self._lanes else _CHUNK_RECORDS

    def close(self) -> None:
        if self._lanes:
            self._lanes.shutdown()

    def lose(self, partitions: set[Partition]) -> None:
        """Forget partitions that went."""
        self.parking.lose(partitions)
        self.caution.lose(partitions)

    def stopped_because(self, now: float) -> str | None:
        """Return why nothing is handled now, or None."""
        left = self._breaker.seconds_left(now)
        if not left:
            return None
        return (
            f"better records: more than {self._settings.worker_max_poison_share:.0%} of the last ones became "
            f"dead letters; a few more are tried in {left:.0f} s (WORKER_MAX_POISON_SHARE)"
        )

    def held_back(self, now: float) -> set[Partition]:
        """Return the partitions of which nothing more is to be read now."""
        if self._breaker.seconds_left(now) or self._is_crowded:
            return set(self._assignment.owned)
        return {partition for partition, records in self._assignment.apart.items() if records}

    def patience(self, now: float) -> float:
        """Return how long to wait for a record, in seconds, before there is something else to do."""
        stopped = self._breaker.seconds_left(now) > 0
        apart = any(self._assignment.apart.get(partition) for partition in self.caution.alone)
        if (self._assignment.waiting or apart) and not stopped and not self._is_crowded:
            return 0.0
        due = self.parking.next_due
        return _POLL_SECONDS if due is None or stopped else min(max(0.0, due - now), _POLL_SECONDS)

    def next_batch(self) -> Batch:
        """Return what was done within the time a batch may take; the rest waits for the next."""
        started = time.monotonic()
        self._assignment.hold()
        self.parking.prune()
        if self._breaker.seconds_left(started):
            return Batch()
        self._let_rejoin()
        most = self.caution.most(self._settings.worker_max_batch)
        if self._breaker.probes:
            most = min(most, PROBE_RECORDS)
        done, worth = self._handle_up_to(most, started)
        self.caution.passed(len(done))
        if done:
            metrics.HANDLING_SECONDS.labels(self._name).observe(time.monotonic() - started)
        return Batch(done, self.parking.standings, worth)

    def _handle_up_to(self, most: int, started: float) -> tuple[list[Done], bool]:
        """Return at most so many records done, and whether an attempt is to be counted."""
        done, worth, in_time = list[Done](), False, True
        if due := self.parking.due(started):
            handled, worth = self._attempt(due)
            done += handled.done
        while in_time and not self._is_crowded:
            taken = self._assignment.take(min(self._chunk, most - len(done)))
            if not taken:
                break
            if records := self._admitted(taken):
                handled, counts = self._attempt(self._in_turns(records))
                done += handled.done
                worth = worth or counts
            in_time = time.monotonic() - started <= self._settings.worker_batch_seconds
            in_time = in_time and not self._breaker.seconds_left(started)
        return done, worth

    def _attempt(self, turns: Sequence[Turn]) -> tuple[Handled, bool]:
        """Make one attempt at each turn and take note of what became of it."""
        at = datetime.now(UTC)
        if self._lanes:
            handled = self._handling.handle_in_lanes(turns, at, self._lanes)
        elif len(turns) == 1:
            handled = self._handling.handle(turns[0].records, at, turns[0].attempt)
        else:
            each = [self._handling.handle(turn.records, at, turn.attempt) for turn in turns]
            handled = Handled(
                [done for it in each for done in it.done], [held for it in each for held in it.held]
            )
        self._progress.beat()
        now = time.monotonic()
        counts = self.parking.settle(handled, lambda attempts: now + self._backoff(attempts))
        self._count(len(handled.done), now)
        return handled, counts

    def _count(self, handled: int, now: float) -> None:
        dead = len(self.letters)
        self.letters.clear()
        if self._breaker.count(handled, dead, now):
            log.error("too many dead letters", waits_for=self.stopped_because(now))
            metrics.STOPPED.labels(self._name).inc()

    def _in_turns(self, records: list[Record]) -> list[Turn]:
        if not self._lanes:
            return [Turn(records)]
        lines: dict[Line, list[Record]] = defaultdict(list)
        for record in records:
            lines[line_of(record)].append(record)
        return [Turn(line) for line in lines.values()]

    def _admitted(self, taken: list[Record]) -> list[Record]:
        """Return whose turn it is; what is too far past an unfinished record to be noted is set apart."""
        if self.parking.is_plain:
            return taken
        near, far = list[Record](), dict[Partition, list[Record]]()
        for record in taken:
            if record.partition in far or self.parking.too_far(record):
                far.setdefault(record.partition, []).append(record)
            else:
                near.append(record)
        for partition, records in far.items():
            self._assignment.set_apart(partition, records)
        return self.parking.admit(near)

    def _let_rejoin(self) -> None:
        for partition, records in list(self._assignment.apart.items()):
            if partition not in self.caution.alone and not (records and self.parking.too_far(records[0])):
                self._assignment.rejoin(partition)

    def _backoff(self, attempts: int) -> float:
        # Half of it by chance, so that those that failed together do not come again together.
        longest = min(self._settings.worker_retry_seconds * 2.0 ** (attempts - 1), _LONGEST_BACKOFF_SECONDS)
        return longest * random.uniform(0.5, 1.0)

    @property
    def _is_crowded(self) -> bool:
        return len(self.parking) + sum(map(len, self._assignment.apart.values())) >= _MOST_HELD
