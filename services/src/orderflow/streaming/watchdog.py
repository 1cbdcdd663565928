"""Ends a process whose loop stands still.

It lives outside librdkafka because the loop may hang inside it: `send_offsets_to_transaction` does not keep
its timeout while the coordinator is away (librdkafka#5456, #5511). Whoever started the process starts it
again, and the next `init_transactions` settles what was open.
"""

from __future__ import annotations

import os
import sys
import threading
import traceback
from collections.abc import Callable

import structlog

from orderflow.streaming.progress import Progress

log = structlog.get_logger(__name__)

EXIT_CODE = 70  # EX_SOFTWARE in sysexits.h
_TICK_SECONDS = 0.5


class Watchdog:
    """Counts the ticks since the last beat. Ticks, not a clock: a process that was stopped and continued
    has not stood still. `tell` hears after each how long it is quiet."""

    def __init__(
        self,
        progress: Progress,
        limit_seconds: float,
        end: Callable[[], None] | None = None,
        tell: Callable[[float], None] = lambda _quiet_seconds: None,
    ) -> None:
        self._progress = progress
        self._limit_seconds = limit_seconds
        self._end = end or _end_process
        self._tell = tell
        self._seen = -1
        self._quiet_ticks = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    @property
    def quiet_seconds(self) -> float:
        """How long the loop has made no progress."""
        return self._quiet_ticks * _TICK_SECONDS

    @property
    def alive(self) -> bool:
        return self.quiet_seconds < self._limit_seconds

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def tick(self) -> None:
        """Look once whether there was a beat since the last look."""
        beats = self._progress.beats
        self._quiet_ticks = self._quiet_ticks + 1 if beats == self._seen else 0
        self._seen = beats
        self._tell(self.quiet_seconds)

    def _watch(self) -> None:
        while not self._stop.wait(_TICK_SECONDS):
            self.tick()
            if not self.alive:
                log.critical("no progress, giving up", quiet_seconds=self.quiet_seconds, stack=_stacks())
                self._end()
                return


def _stacks() -> str:
    """Return where each thread stands, as one text."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"Thread {names.get(ident, ident)}:\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()
    )


def _end_process() -> None:
    os._exit(EXIT_CODE)
