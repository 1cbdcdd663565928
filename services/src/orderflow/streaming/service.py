"""What a worker is: a function from an event to the events that follow, and a name. Pure.

docs/add-a-worker.md builds one in ten minutes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

import msgspec

from orderflow.events import Event
from orderflow.streaming.batches import Done

E = TypeVar("E", bound=Event)

FailureKind = Literal["invalid", "exhausted", "unexpected"]


class TransientError(Exception):
    """This attempt failed, another may not: a timeout, a 5xx. The runtime tries again."""


class NotAttempted(TransientError):
    """The service lacks what it needs before it may try: to be handed over again, without a limit, as the
    same attempt."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the runtime knows when it hands over an event: the time, and which attempt this is (from 1)."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record became a dead letter, after how many attempts.

    `invalid`: the record can never be handled; `exhausted`: every attempt met a TransientError;
    `unexpected`: every attempt met an error that nobody foresaw.
    """

    kind: FailureKind
    error: Exception
    attempts: int

    @property
    def reason(self) -> str:
        """The error in one clause, as `order-status` and the logs give it."""
        text = f"{type(self.error).__name__}: {self.error}"
        # An error may quote what UTF-8 cannot say (half a surrogate pair), and is written all the same.
        return text.encode("utf-8", "replace").decode()


class WithHeaders(msgspec.Struct, frozen=True, gc=False):
    """An event that travels with headers of its own, after those that every record carries."""

    event: Event
    headers: tuple[tuple[str, bytes], ...]

    @property
    def correlation_id(self) -> str:
        return self.event.correlation_id


Outcome = Event | WithHeaders


def tell_nobody(_value: bytes, _failure: Failure, _at: datetime) -> Sequence[Outcome]:
    """Return the events of a dead letter that nobody else needs to hear of: none."""
    return ()


def count_nothing(_done: Sequence[Done]) -> None:
    """Hear of what was committed, as a service with no figures of its own."""


def keep_nothing(_gained: frozenset[int], _owned: frozenset[int]) -> None:
    """Hear of another assignment, as a service that remembers nothing between records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[E]):
    """A worker: what it reads, how it understands a record, and how it reacts.

    `decode(value, at)` returns the event or raises InvalidEvent. `react(event, delivery)` returns the
    events that follow; it raises InvalidEvent for an event it can never handle, TransientError for one
    it may handle at the next attempt. Reactions of one key run in order; with `concurrency` above 1
    those of different keys run side by side in threads, for reactions that wait for somebody else.
    `bury(value, failure, at)` returns the events that tell of a dead letter and commit with it.
    `reassigned(gained, owned)` hears of another assignment, in numbers of partitions: after the committed
    offsets of what was gained are known, so that its last owner's transactions are decided, and before a
    record of it is handled. Gained may be what was owned before: it was lost meanwhile. What was lost is
    told at once, with nothing gained.
    `committed(done)` hears of every batch once it is committed, to count what it led to.
    `dead_letters` takes invalid and unexpected failures, `exhausted` (default: the same) the exhausted.
    All topics are logical names, without the prefix.
    """

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    dead_letters: str
    exhausted: str | None = None
    decode: Callable[[bytes, datetime], E]
    react: Callable[[E, Delivery], Iterable[Outcome]]
    bury: Callable[[bytes, Failure, datetime], Sequence[Outcome]] = tell_nobody
    reassigned: Callable[[frozenset[int], frozenset[int]], None] = keep_nothing
    committed: Callable[[Sequence[Done]], None] = count_nothing
    concurrency: int = 1

    @property
    def topics(self) -> tuple[str, ...]:
        """Every topic the worker needs before it can start."""
        return tuple(dict.fromkeys([*self.reads, *self.writes, self.dead_letters, self.exhausted_letters]))

    @property
    def exhausted_letters(self) -> str:
        return self.exhausted or self.dead_letters
