"""Group commit: whoever waits at the same moment shares a transaction.

    event loop    submit -> room                             settle <- call_soon_threadsafe, once a group
                             |                                 |
    lane (thread)           take -> begin, produce, commit ----+   one transactional producer each

One alone is committed at once; the next group is whatever queued up while the last one committed. There is
no transaction while nobody waits. With two lanes a group need not wait for the end of the last, if it is
large enough (`waiting_room`): a producer begins no transaction before the markers of its last are written.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from orderflow.streaming.batches import Outgoing
from orderflow.streaming.clients import Config
from orderflow.streaming.lane import Lane, settle
from orderflow.streaming.login import Login
from orderflow.streaming.outcomes import Overloaded, RecordTooLarge, Refused, Undecided
from orderflow.streaming.progress import Progress
from orderflow.streaming.waiting_room import Stage, Waiting, WaitingRoom

# What a record's frame adds to its key, value and headers, generously.
_FRAME_BYTES = 256


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
        login: Login,
        limits: GroupLimits,
        *,
        timeout: float,
        on_commit: Callable[[int, float], None] = lambda _size, _seconds: None,
        on_defeat: Callable[[str], None] = lambda _reason: None,
    ) -> None:
        self._limits = limits
        self._room = WaitingRoom(limits.room)
        self._lanes = [
            Lane(config, login, timeout, self._room, limits.group, on_commit, on_defeat) for config in configs
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
        settle(self._room.empty(), lambda: Refused("the service stopped"))

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


def _size(record: Outgoing) -> int:
    _topic, key, value, headers = record
    size = len(key or b"") + len(value or b"") + _FRAME_BYTES
    for name, content in headers:
        size += len(name) + len(content or b"")
    return size
