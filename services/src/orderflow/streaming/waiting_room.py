"""Where records wait for the next transaction; between an event loop and the threads that commit.

Everyone waits equally long at most, so whoever entered first leaves first and the room stays in order.
"""

from __future__ import annotations

import threading
from asyncio import Future
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from orderflow.streaming.batches import Outgoing


class Stage(Enum):
    """How far a waiting one has come. Only `WAITING` is certainly not in any transaction."""

    WAITING = auto()
    SENT = auto()
    GONE = auto()


class Waiting:
    """Records that belong together, and who waits for them. `alone`: must not share its transaction."""

    __slots__ = ("alone", "attempts", "future", "records", "stage")

    def __init__(self, records: Sequence[Outgoing], future: Future[None]) -> None:
        self.records = records
        self.future = future
        self.stage = Stage.WAITING
        self.attempts = 0
        self.alone = False


@dataclass(frozen=True, slots=True)
class Committed:
    """The last group that was committed: what the next one is likely to be like. In seconds."""

    size: int
    seconds: float


# Clients that were answered together come again together, but not in the same microsecond: without this the
# first of them would travel alone and all others wait for it. In shares of the last transaction's time.
_WORTH_WAITING = 0.25

# How many must wait before a transaction begins beside one under way. Two small groups take turns for ever
# and cost a broker and this process twice; few who come after many would do better to travel with the next.
# In shares of the smallest group under way.
_WORTH_A_TRANSACTION = 0.5

# What a transaction that met trouble took says nothing about the next one. In seconds.
_LONGEST_WAIT = 0.25


class WaitingRoom:
    """A bounded queue that is taken from in groups. Safe between threads.

    Whoever takes a group says when it is `done`. `longest_wait`: for others who may come, in seconds.
    """

    def __init__(self, capacity: int, longest_wait: float = _LONGEST_WAIT) -> None:
        self._capacity = capacity
        self._longest_wait = longest_wait
        self._queue: deque[Waiting] = deque()
        self._lock = threading.Lock()
        self._filled = threading.Condition(self._lock)
        self._closed = False
        self._under_way: list[int] = []
        self._last = Committed(1, 0.0)

    def enter(self, waiting: Waiting) -> bool:
        """Queue up, unless the room is full or closed. Wakes nobody: see `wake`."""
        with self._lock:
            if self._closed or len(self._queue) >= self._capacity:
                return False
            self._queue.append(waiting)
            return True

    def wake(self) -> None:
        """Let one thread take what has queued up."""
        with self._filled:
            self._filled.notify()

    def take(self, most: int, wait: float) -> list[Waiting]:
        """Return who is here, now in stage SENT; where there is nobody, wait up to `wait` seconds first.

        Whoever came first waits for as many as came the last time, and for enough to begin beside what is
        under way; each for as long as that is worth it.
        """
        with self._filled:
            if not self._queue and not self._closed:
                self._filled.wait(wait)
            self._wait_until(self._company_is_complete, _WORTH_WAITING * self._last.seconds)
            self._wait_until(self._is_worth_a_transaction, self._last.seconds)
            group = self._next_group(most)
            if group:
                self._under_way.append(len(group))
            if self._queue:
                self._filled.notify()
            return group

    def done(self, group: Sequence[Waiting], seconds: float | None) -> None:
        """Hear that a group is under way no more: it was committed in `seconds`, or (None) it was not."""
        with self._filled:
            self._under_way.remove(len(group))
            if seconds is not None:
                self._last = Committed(len(group), seconds)
            if self._queue:
                self._filled.notify_all()

    def leave(self, waiting: Waiting) -> Stage:
        """Take one out that would not wait any longer; return how far it had come."""
        with self._lock:
            stage, waiting.stage = waiting.stage, Stage.GONE
            while self._queue and self._queue[0].stage is Stage.GONE:
                self._queue.popleft()
            return stage

    def put_back(self, group: Iterable[Waiting]) -> None:
        """Queue a group up again, in front, but for those who have gone."""
        with self._filled:
            staying = [waiting for waiting in group if waiting.stage is Stage.SENT]
            for waiting in staying:
                waiting.stage = Stage.WAITING
            self._queue.extendleft(reversed(staying))
            self._filled.notify()

    def close(self) -> None:
        """Let nobody in any more; those inside are still taken."""
        with self._filled:
            self._closed = True
            self._filled.notify_all()

    def empty(self) -> list[Waiting]:
        """Take out everyone at once, for when nothing will be committed any more."""
        with self._lock:
            group = [waiting for waiting in self._queue if waiting.stage is Stage.WAITING]
            self._queue.clear()
            return group

    @property
    def is_closed(self) -> bool:
        return self._closed

    def __len__(self) -> int:
        return len(self._queue)

    def _wait_until(self, ready: Callable[[], bool], patience: float) -> None:
        if self._queue:
            self._filled.wait_for(lambda: self._closed or ready(), min(patience, self._longest_wait))

    def _company_is_complete(self) -> bool:
        return len(self._queue) >= self._last.size

    def _is_worth_a_transaction(self) -> bool:
        return not self._under_way or len(self._queue) >= _WORTH_A_TRANSACTION * min(self._under_way)

    def _next_group(self, most: int) -> list[Waiting]:
        group: list[Waiting] = []
        while self._queue and len(group) < most:
            if self._queue[0].alone and group:
                break
            waiting = self._queue.popleft()
            if waiting.stage is Stage.GONE:
                continue
            waiting.stage = Stage.SENT
            group.append(waiting)
            if waiting.alone:
                break
        return group
