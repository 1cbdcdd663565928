"""Duplicates at the door: which orders were settled lately, by this worker or by those before it.

The answer lies in the worker's own output. Before the first order of a user is handled, the tail of the
user's partition of `payments` is read; what is settled from then on is remembered as it goes.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import msgspec
import structlog

from orderflow.events import Order
from orderflow.events.payments import PaymentResult
from orderflow.events.topics import ORDERS, PAYMENTS
from orderflow.payments import metrics
from orderflow.payments.window import (
    ORDER_DIGEST,
    UNKNOWN,
    OrderIdConflict,
    Verdict,
    Window,
    parse_digest,
)
from orderflow.streaming.batches import Headers
from orderflow.streaming.partitioner import partition_for
from orderflow.streaming.reader import BrokerUnavailable, ReadRefused
from orderflow.streaming.service import NotAttempted
from orderflow.streaming.tail import Reached, TailReader, last

log = structlog.get_logger(__name__)

# A transaction takes an offset for its marker, so that in the worst case every other one is a payment.
_OFFSETS_PER_PAYMENT = 2
# An end that hides behind an open transaction shows up in no time, or not before the broker aborts that.
_PATIENCE_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
_MOST_HOMES = 50_000


class _Payment(msgspec.Struct):
    order_id: str
    status: PaymentResult
    reason: str | None = None


_decode = msgspec.json.Decoder(_Payment).decode


class Door:
    """Remembers the last `size` orders of each partition of `payments`.

    Complete for the partitions of `payments` that have the numbers of our own in `orders`: no other worker
    writes there. Any other may be written to by its own worker meanwhile, and is read on once a second.
    """

    def __init__(self, size: int, open_tails: Callable[[], TailReader]) -> None:
        self._size = size
        self._open_tails = open_tails
        self._window = Window(size)
        # Orders of several users are settled side by side, and the window is for one thread at a time.
        self._in_use = threading.Lock()
        self._lock = threading.Lock()
        self._counts = (0, 0)
        # Partitions of `orders` that are ours and whose last owner is known to be done.
        self._ours: frozenset[int] = frozenset()
        self._had: frozenset[int] = frozenset()
        self._homes: dict[str, int] = {}
        self._current: set[int] = set()
        self._reached: dict[int, Reached] = {}
        self._again_at: dict[int, float] = {}
        self._silence: tuple[float, str] = (0.0, "")

    def __len__(self) -> int:
        return len(self._window)

    def reassigned(self, gained: frozenset[int], owned: frozenset[int]) -> None:
        """Forget what others may have written to, or will."""
        with self._lock:
            # What comes back brings orders that were settled here and never committed, and without keys they
            # may be those of users in any partition: remembered, they would be taken for paid.
            if gained & self._had or not self._in_step:
                self._forget_all()
            for number in gained | self._ours - owned:
                with self._in_use:
                    self._window.drop(number)
                self._current.discard(number)
                self._reached.pop(number, None)
                self._again_at.pop(number, None)
            self._had |= gained
            self._ours = (self._ours | gained) & owned

    def find(self, order: Order, digest: int) -> Verdict | None:
        """Return the verdict on an order that was settled before; raise OrderIdConflict if its id was taken.

        Raise NotAttempted if Kafka does not tell what was settled.
        """
        if self._homes.get(order.user_id) not in self._current:
            self._catch_up(order.user_id)
        try:
            with self._in_use:
                verdict = self._window.find(order.order_id, digest)
        except OrderIdConflict:
            metrics.CONFLICTS.inc()
            raise
        if verdict is not None:
            metrics.REPEATED.inc()
        return verdict

    def settle(self, order: Order, digest: int, declined: str | None) -> None:
        """Remember an order that was declined for a reason, or paid (None), before that is written."""
        home = self._homes.get(order.user_id)
        if home is None:
            home = self._home(order.user_id)
        with self._in_use:
            self._window.add(home, order.order_id, digest, declined)

    def knows(self, order_id: str, user_id: str | None) -> bool:
        """Return whether an order of this id was settled, whatever is in it."""
        if user_id is not None:
            self._catch_up(user_id)
        with self._in_use:
            return order_id in self._window

    def forget(self, order_id: str) -> None:
        """Forget an order whose verdict could not be written."""
        with self._in_use:
            self._window.forget(order_id)

    @property
    def _in_step(self) -> bool:
        """Whether a user has the same number in `orders` and in `payments`."""
        of_orders, of_payments = self._counts
        return of_orders == of_payments

    def _home(self, user_id: str) -> int:
        """Return the partition of `payments` that a user's go to."""
        home = self._homes.get(user_id)
        if home is None:
            if len(self._homes) >= _MOST_HOMES:
                self._homes.clear()
            home = self._homes[user_id] = partition_for(user_id.encode(), self._counts[1])
        return home

    def _catch_up(self, user_id: str) -> None:
        """Read what has to be read before an order of this user may be handled."""
        with self._lock:
            now = time.monotonic()
            if all(self._counts):
                home = self._home(user_id)
                if home in self._current or now < self._again_at.get(home, 0.0):
                    return
            until, why = self._silence
            # Each order that waits would ask again, and keep the others waiting for as long.
            if now < until:
                raise NotAttempted(why)
            try:
                self._read(user_id)
            except (BrokerUnavailable, ReadRefused) as error:
                self._silence = time.monotonic() + _AGAIN_SECONDS, f"cannot read what was paid last: {error}"
                raise NotAttempted(self._silence[1]) from error

    def _read(self, user_id: str) -> None:
        started = time.monotonic()
        with self._open_tails() as tails:
            self._count(tails)
            starts = self._starts(self._home(user_id))
            is_new = not starts.keys() <= self._reached.keys()
            reached = tails.read(PAYMENTS, starts, self._take, patience=_PATIENCE_SECONDS if is_new else 0.0)
        for number, found in reached.items():
            self._note(number, found)
        seconds = time.monotonic() - started
        metrics.READING_SECONDS.observe(seconds)
        if is_new:
            missing = sorted(number for number in starts if not self._reached[number].is_end)
            log.info("settled orders read", partitions=len(starts), known=len(self._window), unread=missing)

    def _count(self, tails: TailReader) -> None:
        counts = tails.partitions(ORDERS), tails.partitions(PAYMENTS)
        if not all(counts):
            raise BrokerUnavailable(f"{ORDERS} and {PAYMENTS} are not both there")
        if counts != self._counts:
            self._forget_all()
            self._homes.clear()
            self._counts = counts

    def _starts(self, home: int) -> dict[int, int]:
        """Return where to read: at home, and in one go wherever something has to be read sooner or later."""
        wanted = {home} | {number for number, found in self._reached.items() if not found.is_end}
        if self._in_step:
            wanted |= self._ours - self._reached.keys()
        tail = last(_OFFSETS_PER_PAYMENT * self._size)
        return {
            number: self._reached[number].offset if number in self._reached else tail for number in wanted
        }

    def _note(self, number: int, found: Reached) -> None:
        # What comes behind the first end is our own, or that of a worker whose partition this is.
        end = self._reached[number].end if number in self._reached else found.end
        self._reached[number] = Reached(found.offset, end)
        if self._reached[number].is_end and (number in self._ours or not self._in_step):
            self._current.add(number)
        else:
            self._again_at[number] = time.monotonic() + _AGAIN_SECONDS

    def _take(self, number: int, value: bytes | None, headers: Headers | None) -> None:
        try:
            payment = _decode(value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        digest = UNKNOWN
        for name, written in headers or ():
            if name == ORDER_DIGEST and isinstance(written, bytes):
                digest = parse_digest(written)
        declined = None if payment.status == "SUCCESS" else payment.reason or ""
        with self._in_use:
            self._window.add(number, payment.order_id, digest, declined)

    def _forget_all(self) -> None:
        with self._in_use:
            self._window.clear()
        self._current.clear()
        self._reached.clear()
        self._again_at.clear()
