"""Group commit: whoever waits at the same moment shares a transaction.

    event loop    submit -> room                             settle <- call_soon_threadsafe, once a group
                             |                                 |
    lane (thread)           take -> begin, produce, commit ----+   one transactional producer each

One alone is committed at once; the next group is whatever queued up while the last one committed. There is
no transaction while nobody waits. With two lanes the next group need not wait for the end of the last: a
transaction of one producer cannot begin before the markers of its last one are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog
from confluent_kafka import KafkaError

from orderflow.streaming.batches import Outgoing
from orderflow.streaming.clients import Config
from orderflow.streaming.progress import Progress
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer
from orderflow.streaming.waiting_room import ALONE, Company, Stage, Waiting, WaitingRoom

log = structlog.get_logger(__name__)

_MOST_ATTEMPTS = 3
_MOST_FENCINGS = 3  # within
_FENCING_SECONDS = 60.0
_PAUSE_SECONDS = 1.0

# Clients that were answered together come again together, but not in the same microsecond: without this the
# first of them would travel alone and all others wait for it. In shares of the last transaction's time.
_WORTH_WAITING = 0.25

# What a record's frame adds to its key, value and headers, generously.
_FRAME_BYTES = 256

# Errors that one record of a group can cause: it must not cost its neighbours.
_CAUSED_BY_A_RECORD = (KafkaError.MSG_SIZE_TOO_LARGE, KafkaError.INVALID_RECORD)


class Refused(Exception):
    """The records are certainly not in the log and will not be; its text says why."""


class Overloaded(Refused):
    """Too many wait already."""


class RecordTooLarge(Refused):
    """Kafka takes no record of this size."""


class Undecided(Exception):
    """Whether the records are in the log is not known; its text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupLimits:
    """`patience` is how long a caller waits, in seconds; `room` how many may wait, `group` share."""

    patience: float
    room: int
    group: int
    record_bytes: int


class GroupCommit:
    """Commits what is submitted from one event loop, in as few transactions as keeps everybody's wait short.

    One lane (thread) and one producer per config (see `clients.transactional_config`); `timeout` bounds each
    call to the broker, in seconds. `on_commit(size, seconds)` hears of every committed group, on the lane's
    thread; `on_defeat(reason)` of another process that keeps taking over a transactional id.
    """

    def __init__(
        self,
        configs: Sequence[Config],
        limits: GroupLimits,
        *,
        timeout: float,
        on_commit: Callable[[int, float], None] = lambda _size, _seconds: None,
        on_defeat: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._limits = limits
        self._room = WaitingRoom(limits.room)
        self._lanes = [
            _Lane(config, timeout, self._room, limits.group, on_commit, on_defeat) for config in configs
        ]
        self._wake_is_due = False

    def start(self) -> None:
        """Begin to connect; `is_open` says when that is done."""
        for lane in self._lanes:
            lane.thread.start()

    @property
    def is_open(self) -> bool:
        """Whether a producer stands ready, so that a submission is likely to succeed."""
        return any(lane.is_open for lane in self._lanes)

    @property
    def progress(self) -> list[Progress]:
        """How each lane is doing, for watchdogs."""
        return [lane.progress for lane in self._lanes]

    async def commit(self, records: Sequence[Outgoing]) -> None:
        """Return once the records are committed, all in one transaction; raise Refused or Undecided."""
        if any(_size(record) > self._limits.record_bytes for record in records):
            raise RecordTooLarge(f"a record would be larger than {self._limits.record_bytes} bytes")
        loop = asyncio.get_running_loop()
        waiting = Waiting(records, loop.create_future())
        if not self._room.enter(waiting):
            raise Overloaded(f"{len(self._room)} wait already")
        timer = loop.call_later(self._limits.patience, self._lose_patience, waiting)
        if not self._wake_is_due:
            # At the end of this turn of the loop: what arrived together goes together.
            self._wake_is_due = True
            loop.call_soon(self._wake)
        try:
            await waiting.future
        except asyncio.CancelledError:
            self._room.leave(waiting)
            raise
        finally:
            timer.cancel()

    def close(self, timeout: float) -> None:
        """Commit what waits, for at most `timeout` seconds, then stop. What is left is refused."""
        give_up = time.monotonic() + timeout
        self._room.close()
        for lane in self._lanes:
            lane.thread.join(max(0.0, give_up - time.monotonic()))
        _settle(self._room.empty(), Refused("the service stopped"))

    def _wake(self) -> None:
        self._wake_is_due = False
        self._room.wake()

    def _lose_patience(self, waiting: Waiting) -> None:
        stage = self._room.leave(waiting)
        if waiting.future.done():
            return
        waited = f"after {self._limits.patience:g} seconds"
        waiting.future.set_exception(
            Refused(f"Kafka had not begun {waited}")
            if stage is Stage.WAITING
            else Undecided(f"Kafka had not answered {waited}")
        )


class _Lane:
    """A thread and its producer: takes groups and commits them, one after the other."""

    def __init__(
        self,
        config: Config,
        timeout: float,
        room: WaitingRoom,
        most: int,
        on_commit: Callable[[int, float], None],
        on_defeat: Callable[[str], None],
    ) -> None:
        self.progress = Progress(waits_for="Kafka")
        self._producer = TransactionalProducer(config, timeout=timeout, beat=self.progress.beat)
        self._room = room
        self._most = most
        self._on_commit = on_commit
        self._on_defeat = on_defeat
        self._company = ALONE
        self._fenced_at: list[float] = []
        self.thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    @property
    def is_open(self) -> bool:
        return self._producer.is_open

    def _run(self) -> None:
        while self._open():
            group = self._room.take(self._most, _PAUSE_SECONDS, self._company)
            self.progress.beat()
            if group:
                self._commit(group)
            elif self._room.is_closed:
                break
        self._producer.drop()

    def _open(self) -> bool:
        """Connect if need be; return whether there is a producer to commit with."""
        while not self._producer.is_open:
            try:
                if not self._producer.open(keep_trying=lambda: not self._room.is_closed):
                    return False
            except ProducerLost as lost:
                log.error("Kafka refuses the producer; trying again", reason=str(lost))
                time.sleep(_PAUSE_SECONDS)
            else:
                log.info("producer ready")
        return True

    def _commit(self, group: list[Waiting]) -> None:
        started = time.perf_counter()
        try:
            self._producer.commit([record for waiting in group for record in waiting.records])
        except Aborted as aborted:
            log.warning("transaction aborted", size=len(group), reason=str(aborted))
            self._redo(group, aborted, alone=aborted.code in _CAUSED_BY_A_RECORD)
        except ProducerLost as lost:
            log.warning("producer lost", size=len(group), reason=str(lost), undecided=lost.undecided)
            self._count_fencing(lost)
            if lost.undecided:
                _settle(group, Undecided(str(lost)))
            else:
                self._redo(group, lost, alone=False)
        else:
            seconds = time.perf_counter() - started
            _settle(group, None)
            self._company = Company(len(group), _WORTH_WAITING * seconds)
            self._on_commit(len(group), seconds)

    def _redo(self, group: list[Waiting], error: Exception, *, alone: bool) -> None:
        """Let a group that is certainly not in the log wait for the next transaction."""
        for waiting in group:
            waiting.attempts += 1
            waiting.alone = waiting.alone or alone
        at_fault = len(group) == 1 and alone
        exhausted = [each for each in group if at_fault or each.attempts >= _MOST_ATTEMPTS]
        _settle(exhausted, RecordTooLarge(str(error)) if at_fault else Refused(str(error)))
        self._room.put_back(each for each in group if each not in exhausted)

    def _count_fencing(self, lost: ProducerLost) -> None:
        if not lost.fenced:
            return
        now = time.monotonic()
        self._fenced_at = [at for at in self._fenced_at if at > now - _FENCING_SECONDS] + [now]
        if len(self._fenced_at) >= _MOST_FENCINGS:
            self._on_defeat("another process uses the same INSTANCE_NAME and keeps taking over")


def _size(record: Outgoing) -> int:
    _topic, key, value, headers = record
    size = len(key or b"") + len(value or b"") + _FRAME_BYTES
    for name, content in headers:
        size += len(name) + len(content or b"")
    return size


def _settle(group: Sequence[Waiting], outcome: Exception | None) -> None:
    """Answer a group, on its event loop, which is woken once."""
    if not group:
        return

    def answer() -> None:
        for waiting in group:
            if waiting.future.done():
                continue
            if outcome is None:
                waiting.future.set_result(None)
            else:
                waiting.future.set_exception(outcome)

    # A loop that was closed has nobody left who waits.
    with contextlib.suppress(RuntimeError):
        group[0].future.get_loop().call_soon_threadsafe(answer)
