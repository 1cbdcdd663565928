"""What a worker is: a function from an event to the events that follow, and a name. Pure.

fraud = Service(name="fraud-service", reads=("payments",), decode=..., react=..., dead_letters="failed-payments")
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from orderflow.events import Event, InvalidEvent

E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Delivery:
    """What the runtime knows when it hands over a record: the time, and which attempt this is (from 1)."""

    at: datetime
    attempt: int


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a record became a dead letter: `invalid` will never work, otherwise its attempts ran out."""

    error: Exception
    attempts: int
    invalid: bool

    @property
    def reason(self) -> str:
        """The error in one clause, for `order-status` and logs."""
        return f"{type(self.error).__name__}: {self.error}"


class TransientError(Exception):
    """This attempt failed, another may not: a timeout, a 5xx. The runtime tries again."""


def no_events(_value: bytes, _failure: Failure, _at: datetime) -> Sequence[Event]:
    """A dead letter that nobody else needs to hear of."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service(Generic[E]):
    """A worker: which topics it reads, how it understands a record, and how it reacts.

    `decode(value, at)` returns the event or raises InvalidEvent. `react(event, delivery)` returns the
    events that follow; it raises InvalidEvent for one it can never handle and TransientError for one it
    may handle later. Reactions of one key run in order; with `concurrency` above 1 those of different
    keys run side by side, so a reaction that waits for others must be thread-safe.
    `buried(value, failure, at)` returns the events that tell of a dead letter; they commit with it.
    `dead_letters` names the topic for an invalid record, `exhausted` the one for a record whose attempts
    ran out (default: the same).
    """

    name: str
    reads: tuple[str, ...]
    decode: Callable[[bytes, datetime], E]
    key: Callable[[E], str]
    react: Callable[[E, Delivery], Iterable[Event]]
    dead_letters: str
    exhausted: str | None = None
    buried: Callable[[bytes, Failure, datetime], Sequence[Event]] = no_events
    concurrency: int = 1


__all__ = ["Delivery", "Event", "Failure", "InvalidEvent", "Service", "TransientError"]
