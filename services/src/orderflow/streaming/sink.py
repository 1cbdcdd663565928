"""The loop of a process that keeps what it reads in a store beside Kafka; every effect once.

    fetch    poll one record, then drain what is already here
    write    what follows from the records, and the next offsets, in one transaction of the store
    commit   the same offsets to Kafka, so that every tool shows the lag; nothing is ever read from there

The store says where reading begins: whenever a partition is gained, after somebody else has written for it,
and after the store was away, as it may come back empty. While it is away nothing is fetched, rebalances are
answered, and readiness says why.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import structlog

from orderflow.streaming import metrics
from orderflow.streaming.access import Access
from orderflow.streaming.batches import Partition, Record, marker_positions
from orderflow.streaming.clients import consumer_config
from orderflow.streaming.errors import BrokerSilent
from orderflow.streaming.latency import LATENCIES
from orderflow.streaming.login import Login
from orderflow.streaming.measuring import ShownLag
from orderflow.streaming.membership import Membership
from orderflow.streaming.progress import Progress
from orderflow.streaming.settings import ConsumerSettings
from orderflow.streaming.store import Move, Overtaken, Store, StoreUnavailable
from orderflow.streaming.stored_source import StoredSource

log = structlog.get_logger(__name__)

_IDLE_SECONDS = 1.0
_PING_SECONDS = 5.0
_WAIT_SECONDS = 0.5
_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 5.0  # seconds
_MAX_BYTES = 8 * 1024 * 1024


class Sink:
    """One process: one consumer, one store. `reads` are logical names."""

    def __init__(
        self, name: str, reads: Sequence[str], store: Store, settings: ConsumerSettings, *, max_batch: int
    ) -> None:
        self.progress = Progress()
        self._name = name
        self._topics = [settings.topic_prefix + topic for topic in reads]
        self._store = store
        self._max_batch = max_batch
        self._from_start = settings.kafka_auto_offset_reset == "earliest"
        self._login = Login(settings)
        # Only the store knows where to begin; past what retention has left, that is the first record.
        config = consumer_config(settings) | {"auto.offset.reset": "earliest"}
        self._source = StoredSource(config, self._login, name)
        self._source.after_loss = self._forget
        access = Access(settings, self._login, reads=reads, group=settings.group)
        self._membership = Membership(settings, self._login, self._source, access, self.progress)
        self._lag = ShownLag(name)
        for counter in (metrics.RECORDS, metrics.OVERTAKEN):
            counter.labels(name)  # Of one that appears with its first event Prometheus sees no increase.
        self._next: dict[Partition, int] = {}
        self._trouble: str | None = None
        self._was_away = False
        self._pause = _FIRST_PAUSE
        self._busy_at = self._pinged_at = self._retry_at = time.monotonic()

    def stop(self) -> None:
        """Ask the loop to finish its batch, leave the group and return; safe in a signal handler."""
        self.progress.stopping = True

    def run(self) -> None:
        """Work until `stop()`; raise WorkerStopped if it cannot go on."""
        self._login.start()
        try:
            if self._may_write() and self._membership.may_begin():
                self._source.subscribe(self._topics)
                self.progress.waits_for = "its first assignment"
                while not self.progress.stopping:
                    self._step()
        finally:
            self.progress.stopping = True
            self._source.close()
            self._store.close()
            self._login.stop()

    def _may_write(self) -> bool:
        """Wait until the store is open; False: asked to stop."""
        while not self.progress.stopping:
            self.progress.beat()
            try:
                self._store.open()
                return True
            except StoreUnavailable as away:
                self._back_off(away)
                self.progress.waits_for = self._trouble
                time.sleep(min(self._pause, _WAIT_SECONDS))
        return False

    def _step(self) -> None:
        """Do one round: fetch, then write what there is."""
        self.progress.beat()
        assignment, held_up = self._source.assignment, time.monotonic() < self._retry_at
        self._source.hold_back(set(assignment.owned) if held_up else set())
        room = 2 * self._max_batch - len(assignment.waiting)
        self._source.fetch(max(room, 1), 0 if assignment.waiting and not held_up else _WAIT_SECONDS / 5)
        self._lag.look(time.monotonic(), self._source)
        if self._membership.look(self._busy_at):
            self.progress.waits_for = self._trouble
        if held_up:
            return
        try:
            if self._was_away:
                self._reopen()
            self._work()
        except (StoreUnavailable, BrokerSilent) as away:
            self._was_away = self._was_away or isinstance(away, StoreUnavailable)
            self._back_off(away)
        except Overtaken as overtaken:
            log.warning("written by another process, reading on from there", reason=str(overtaken))
            metrics.OVERTAKEN.labels(self._name).inc()
            assignment.gain(assignment.owned)

    def _reopen(self) -> None:
        self._store.open()
        self._source.assignment.gain(self._source.assignment.owned)
        self._was_away = False

    def _work(self) -> None:
        assignment = self._source.assignment
        if assignment.new and not self._locate():
            return
        batch = assignment.peek(self._max_batch, _MAX_BYTES)
        if batch:
            self._write(batch)
            assignment.take(len(batch))
            self._busy_at = time.monotonic()
        else:
            self._idle()
        self._trouble, self._pause = None, _FIRST_PAUSE

    def _locate(self) -> bool:
        """Go to where the store is on partitions that are new; False: not on all of them yet."""
        assignment, stored = self._source.assignment, self._store.positions()
        if stored and not any(topic in self._topics for topic, _number in stored):
            other = next(iter(stored))[0]
            raise StoreUnavailable(
                f"a database of these topics: the one it has is of {other} and others; point DATABASE_URL at "
                "an empty one"
            )
        ends = self._source.ends(each for each in assignment.new if each in stored)
        for (topic, number), end in ends.items():
            if stored[topic, number] > end:
                raise StoreUnavailable(
                    f"a database of this log: in the one it has, {topic}[{number}] goes up to offset "
                    f"{stored[topic, number]}, but it ends at {end}; point DATABASE_URL at an empty one"
                )
        sought = self._source.seek({each: stored.get(each) for each in assignment.new}, self._from_start)
        assignment.looked_up(sought)
        assignment.drop(sought)
        for partition in sought:
            self._next.pop(partition, None)
            if partition in stored:
                self._next[partition] = stored[partition]
        return not assignment.new

    def _write(self, batch: Sequence[Record]) -> None:
        first = {record.partition: record.offset for record in reversed(batch)}
        again = {each for each, offset in first.items() if offset < self._next.get(each, 0)}
        if again:
            # The client went back by itself: what it stood at is not in the log any more.
            self._source.assignment.gain(again)
            return
        started = time.monotonic()
        self._move({record.partition: record.offset + 1 for record in batch}, batch)
        metrics.STORE_SECONDS.labels(self._name).observe(time.monotonic() - started)
        metrics.RECORDS.labels(self._name).inc(len(batch))
        metrics.BATCH_RECORDS.labels(self._name).observe(len(batch))
        LATENCIES.observe(self._name, [record.timestamp for record in batch], int(time.time() * 1000))

    def _move(self, positions: dict[Partition, int], batch: Sequence[Record] = ()) -> None:
        moves = {
            each: Move(self._next.get(each), offset, max(offset, self._source.known_end(each)))
            for each, offset in positions.items()
        }
        self._store.write(batch, moves)
        self._next.update(positions)
        self._source.commit_soon(positions)

    def _idle(self) -> None:
        """After a while without a record, go past the commit markers, and show lag 0 to every tool."""
        now, assignment = time.monotonic(), self._source.assignment
        if now - self._busy_at >= _IDLE_SECONDS:
            passed = marker_positions(assignment.ends, self._next)
            if passed:
                self._move(passed)
            behind = marker_positions(self._next, assignment.committed)
            self._source.commit_soon({each: offset for each, offset in behind.items() if each not in passed})
        if now - max(self._busy_at, self._pinged_at) >= _PING_SECONDS:
            self._pinged_at = now
            self._store.ping()

    def _back_off(self, away: Exception) -> None:
        trouble = str(away)
        if trouble != self._trouble:
            log.warning("not ready", waits_for=trouble)
        self._trouble = trouble
        self._retry_at = time.monotonic() + self._pause
        self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    def _forget(self, gone: set[Partition]) -> None:
        for partition in gone:
            self._next.pop(partition, None)
