"""A thread that commits groups of waiting records, one transaction after the other."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import structlog

from orderflow.streaming.clients import Config
from orderflow.streaming.fencing import Fencings
from orderflow.streaming.login import Login
from orderflow.streaming.outcomes import RecordTooLarge, Refused, Undecided
from orderflow.streaming.progress import Progress
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer
from orderflow.streaming.waiting_room import Waiting, WaitingRoom

log = structlog.get_logger(__name__)

_MOST_ATTEMPTS = 3
_PAUSE_SECONDS = 1.0


class Lane:
    """A thread and its producer: takes groups and commits them until the room is closed and empty."""

    def __init__(
        self,
        config: Config,
        login: Login,
        timeout: float,
        room: WaitingRoom,
        most: int,
        on_commit: Callable[[int, float], None],
        on_defeat: Callable[[str], None],
    ) -> None:
        self.progress = Progress()
        self._producer = TransactionalProducer(config, login, timeout=timeout, beat=self.progress.beat)
        self._room = room
        self._most = most
        self._on_commit = on_commit
        self._on_defeat = on_defeat
        self._fencings = Fencings()
        self.thread = threading.Thread(target=self._run, name="group-commit", daemon=True)

    @property
    def is_open(self) -> bool:
        return self._producer.is_open

    def _run(self) -> None:
        while self._open():
            group = self._room.take(self._most, _PAUSE_SECONDS)
            self.progress.beat()
            if group:
                self._room.done(group, self._commit(group))
            elif self._room.is_closed:
                break
        self._producer.drop()

    def _open(self) -> bool:
        """Connect if need be; return whether there is a producer to commit with."""
        while not self._producer.is_current:
            if self._producer.is_open and self._room.is_closed:
                # A certificate that is new at the very end: what waits is committed with the old one.
                return True
            try:
                if not self._producer.open(keep_trying=lambda: not self._room.is_closed):
                    return False
            except ProducerLost as lost:
                log.error("Kafka refuses the producer; trying again", reason=str(lost))
                time.sleep(_PAUSE_SECONDS)
            else:
                log.info("producer ready")
        return True

    def _commit(self, group: list[Waiting]) -> float | None:
        """Return how long the group's transaction took, in seconds; None where it did not come about."""
        started = time.perf_counter()
        try:
            self._producer.commit([record for waiting in group for record in waiting.records])
        except Aborted as aborted:
            log.warning("transaction aborted", size=len(group), reason=str(aborted))
            # The record that was refused must not cost its neighbours.
            self._redo(group, aborted, alone=aborted.refused)
        except ProducerLost as lost:
            log.warning("producer lost", size=len(group), reason=str(lost), undecided=lost.undecided)
            self._count_fencing(lost)
            if lost.undecided:
                reason = str(lost)
                settle(group, lambda: Undecided(reason))
            else:
                self._redo(group, lost, alone=False)
        else:
            seconds = time.perf_counter() - started
            settle(group)
            self._on_commit(len(group), seconds)
            return seconds
        return None

    def _redo(self, group: list[Waiting], error: Exception, *, alone: bool) -> None:
        """Let a group that is certainly not in the log wait for the next transaction."""
        for waiting in group:
            waiting.attempts += 1
            waiting.alone = waiting.alone or alone
        at_fault = len(group) == 1 and alone
        reason, refusal = str(error), RecordTooLarge if at_fault else Refused
        most = 1 if at_fault else _MOST_ATTEMPTS
        settle([each for each in group if each.attempts >= most], lambda: refusal(reason))
        self._room.put_back(each for each in group if each.attempts < most)

    def _count_fencing(self, lost: ProducerLost) -> None:
        if lost.fenced and self._fencings.again(time.monotonic()):
            self._on_defeat("another process uses the same INSTANCE_NAME and keeps taking over")


def settle(group: Sequence[Waiting], failure: Callable[[], Exception] | None = None) -> None:
    """Answer a group, on its event loop, which is woken once. `failure()` makes one exception for each."""
    if not group:
        return

    def answer() -> None:
        for waiting in group:
            if waiting.future.done():
                continue
            if failure is None:
                waiting.future.set_result(None)
            else:
                waiting.future.set_exception(failure())

    # A loop that was closed has nobody left who waits.
    with contextlib.suppress(RuntimeError):
        group[0].future.get_loop().call_soon_threadsafe(answer)
