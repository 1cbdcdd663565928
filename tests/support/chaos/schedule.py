"""What goes wrong, and when: a schedule that a seed tells in full. Pure.

Outages of the broker have windows of their own, so that none begins before the last is over. Everything
else falls anywhere between: first one of each kind, then any. The end of a run is quiet.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Kind = Literal[
    "kill payments",
    "kill notifications",
    "freeze payments",
    "scale payments",
    "gateway errors",
    "poison",
    "kill api",
    "kill broker",
    "restart broker",
]
Due = tuple[float, Kind, float]  # when, what, for how many seconds
KINDS: tuple[Kind, ...] = get_args(Kind)
BROKER: tuple[Kind, ...] = ("kill broker", "restart broker")

SESSION_SECONDS = 6  # until the broker gives a silent worker's partitions away, as the pipeline sets it
SHORTEST = 20.0  # seconds
AT_FIRST = 2  # payment workers
NOTIFIERS = 2

# Once each before anything comes twice: up, and down again.
_ROUND: tuple[Kind, ...] = (
    "kill payments",
    "freeze payments",
    "scale payments",
    "kill notifications",
    "gateway errors",
    "poison",
    "kill api",
    "scale payments",
)
_GAP = 3.0  # seconds between events, on average
_OUTAGES_EVERY = 40.0  # seconds
_FROZEN = SESSION_SECONDS + 1.5, SESSION_SECONDS + 6.0
_DOWN = 0.2, 4.0
_ERROR_SHARES = 30, 50, 80
_MOST_POISON = 5


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that goes wrong.

    at: seconds from the start. target: the process it happens to. seconds: how long it lasts. number: how
    many replicas, poison records, or per cent of the gateway's calls.
    """

    at: float
    kind: Kind
    target: str = ""
    seconds: float = 0.0
    number: int = 0

    def __str__(self) -> str:
        parts = [self.kind, self.target]
        parts += [f"for {self.seconds:.1f} s"] if self.seconds else []
        parts += [str(self.number)] if self.number else []
        return " ".join(part for part in parts if part)


def schedule(seed: int, duration: float, *, most: int = 8) -> tuple[Event, ...]:
    """Return what goes wrong in a run of `duration` seconds with up to `most` payment workers, in order.

    Every event has ended before `quiet_from(duration)`.
    """
    chance, span = random.Random(seed), quiet_from(duration)
    due = sorted([*_outages(chance, span), *_others(chance, span)])
    return tuple(_played(chance, due, most))


def quiet_from(duration: float) -> float:
    """Return when the last event is over: what is left is for the load alone."""
    return duration - min(15.0, 0.2 * duration)


def _outages(chance: random.Random, span: float) -> Iterator[Due]:
    """Yield one outage a window, early enough that it is over with it: killed first, then in order."""
    count = max(1, int(span / _OUTAGES_EVERY))
    window = span / count
    for number in range(count):
        kind = BROKER[number] if number < len(BROKER) else chance.choice(BROKER)
        seconds = chance.uniform(*_DOWN) if kind == "kill broker" else 0.0
        yield (number + 0.1 + 0.3 * chance.random()) * window, kind, seconds


def _others(chance: random.Random, span: float) -> Iterator[Due]:
    kinds = list(_ROUND)
    chance.shuffle(kinds)
    kinds += chance.choices(_ROUND, k=max(0, int(span / _GAP) - len(kinds)))
    for number, kind in enumerate(kinds):
        at = (number + chance.random()) * span / len(kinds)
        seconds = chance.uniform(*_FROZEN) if kind == "freeze payments" else 0.0
        # It must end in time; the later half of a short run has no room for a freeze.
        yield min(at, span - seconds), kind, seconds


def _played(chance: random.Random, due: list[Due], most: int) -> Iterator[Event]:
    """Yield the events, each aimed at a process that should run and be awake at that time."""
    replicas, frozen_until = AT_FIRST, dict[str, float]()
    for at, kind, seconds in due:
        running = [f"payments-{number}" for number in range(1, replicas + 1)]
        awake = [name for name in running if frozen_until.get(name, 0.0) < at]
        event = _aimed(chance, at, kind, seconds, chance.choice(awake or running))
        if kind == "scale payments":
            replicas = _other_size(chance, replicas, most)
            event = Event(at, kind, number=replicas)
        elif kind == "freeze payments":
            frozen_until[event.target] = at + seconds
        yield event


def _aimed(chance: random.Random, at: float, kind: Kind, seconds: float, worker: str) -> Event:
    match kind:
        case "kill notifications":
            return Event(at, kind, f"notifications-{chance.randint(1, NOTIFIERS)}")
        case "gateway errors":
            return Event(at, kind, worker, number=chance.choice(_ERROR_SHARES))
        case "poison":
            return Event(at, kind, number=chance.randint(2, _MOST_POISON))
        case "kill broker" | "restart broker" | "kill api":
            return Event(at, kind, seconds=seconds)
        case _:
            return Event(at, kind, worker, seconds)


def _other_size(chance: random.Random, replicas: int, most: int) -> int:
    """Return how many replicas there are next: many after few, few after many."""
    if replicas <= (most + 1) // 2:
        return chance.choice((most, most, max(most - 1, replicas + 1)))
    return chance.randint(1, 2)
