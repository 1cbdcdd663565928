"""One reader of the topics for everybody who looks on, and only while somebody does.

The reading thread makes ticks and puts them into the ring; each client goes through the ring by itself.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import uuid4

import structlog

from orderflow.orders.live.digest import Digest, encode, is_due, topics_on_broker
from orderflow.orders.live.ring import Ring
from orderflow.streaming.batches import Record
from orderflow.streaming.feed import Take, follow
from orderflow.streaming.settings import KafkaSettings

log = structlog.get_logger(__name__)

# Ten minutes of an idle pipeline, two of a busy one; a tick has some 5 kB at most.
RING_TICKS = 600

# Who reloads the page, or lost the connection, goes on where it was.
LINGER_SECONDS = 60.0

_WAKE_SECONDS = 0.5
_STOP_SECONDS = 5.0


@dataclass(slots=True)
class Watching:
    """One run of the reading thread, with a ring of its own."""

    ring: Ring
    digest: Digest
    cut_at: float
    idle_since: float | None = None
    thread: threading.Thread | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a client is told: a tick with its id, or how many were lost before the next."""

    tick: str | None = None
    id: str | None = None
    lost: int = 0
    resumed: bool | None = None


@dataclass
class Broadcast:
    """Ticks for many clients. `problem()` says why nothing can come; `stopping()` ends every stream."""

    settings: KafkaSettings
    problem: Callable[[], str | None]
    stopping: Callable[[], bool]
    linger_seconds: float = LINGER_SECONDS
    follow: Callable[[KafkaSettings, Mapping[str, int], Take], None] = follow
    listeners: int = 0
    _followed: Counter[str] = field(default_factory=Counter)
    _watching: Watching | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _waiting: set[asyncio.Future[None]] = field(default_factory=set)
    _loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def joined(self, followed: Sequence[str] = ()) -> Iterator[Watching]:
        """Listen, from the server's loop; records of orders whose ids begin like `followed` are all shown."""
        self._loop = asyncio.get_running_loop()
        with self._lock:
            self.listeners += 1
            self._followed.update(followed)
            watching = self._watching or self._begin()
            watching.idle_since = None
        try:
            yield watching
        finally:
            with self._lock:
                self.listeners -= 1
                self._followed = +(self._followed - Counter(followed))
                if not self.listeners:
                    watching.idle_since = time.monotonic()

    async def tell(self, watching: Watching, last_event_id: str | None) -> AsyncIterator[Told]:
        """Yield what comes after the id, for ever, or until the service stops."""
        ring = watching.ring
        place = ring.place_after(last_event_id)
        yield Told(resumed=ring.resumes(last_event_id))
        while not self.stopping():
            coming = ring.next(place)
            if coming.lost:
                yield Told(lost=coming.lost)
            if coming.text is None:
                place = coming.number
                await self._news()
            else:
                place = coming.number + 1
                yield Told(coming.text, ring.id_of(coming.number))

    def close(self) -> None:
        """End the reading thread; whoever listens is told nothing more."""
        with self._lock:
            watching, self._watching = self._watching, None
        if watching and watching.thread:
            watching.thread.join(_STOP_SECONDS)

    def _begin(self) -> Watching:
        now = time.time()
        watching = Watching(
            Ring(uuid4().hex[:8], RING_TICKS), Digest(self.settings.topic_prefix, now), cut_at=now
        )
        watching.thread = threading.Thread(target=self._run, args=(watching,), name="live-feed", daemon=True)
        self._watching = watching
        watching.thread.start()
        return watching

    def _run(self, watching: Watching) -> None:
        def take(records: Sequence[Record], problem: str | None) -> bool:
            now = time.time()
            followed = tuple(self._followed)
            for record in records:
                watching.digest.take(record, now, followed)
            if is_due(watching.digest, watching.cut_at, now):
                watching.cut_at = now
                watching.ring.append(encode(watching.digest.cut(now, self.problem() or problem)))
                self._wake()
            return self._goes_on(watching)

        try:
            self.follow(self.settings, topics_on_broker(self.settings.topic_prefix), take)
        except Exception:
            # The edge of this thread. The next client begins another.
            log.exception("the live feed failed")
        finally:
            with self._lock:
                if self._watching is watching:
                    self._watching = None

    def _goes_on(self, watching: Watching) -> bool:
        """Return whether anybody listens, or did a moment ago; if not, the next client begins anew."""
        with self._lock:
            idle_since = watching.idle_since
            if idle_since is not None and time.monotonic() - idle_since > self.linger_seconds:
                self._watching = None
            return self._watching is watching and not self.stopping()

    def _wake(self) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._release)

    def _release(self) -> None:
        waiting, self._waiting = self._waiting, set()
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def _news(self) -> None:
        """Wait until there may be a tick, or half a second."""
        waiting = asyncio.get_running_loop().create_future()
        self._waiting.add(waiting)
        try:
            await asyncio.wait_for(waiting, _WAKE_SECONDS)
        except TimeoutError:
            pass
        finally:
            self._waiting.discard(waiting)
