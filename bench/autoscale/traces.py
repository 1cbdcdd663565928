"""The traces: what arrives, how fast the workers are and what goes wrong. Pure descriptions.

Time 0 is the first change of the load; before it runs a warm-up that is not scored.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise

# Partial functions rather than closures, so that a trace can go to another process and back.
Rate = Callable[[float], float]


@dataclass(frozen=True, slots=True)
class Burst:
    """Records that arrive all at once."""

    at: float
    records: int


@dataclass(frozen=True, slots=True)
class Poison:
    """A partition whose consumer cannot get past one record for a while."""

    partition: int
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class Outage:
    """A lost broker: nobody can read offsets, and its partitions have no leader."""

    begin: float
    end: float
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Rollout:
    """A rolling update: up to `surge` of the replicas more, never fewer than wanted ready."""

    at: float
    surge: float = 0.5


@dataclass(frozen=True)
class Trace:
    """One experiment. Rates are records a second, times are seconds.

    `changes` is the number of sizes the load really asks for one after another: what a scaler that
    knew the future would write. `worker_rate` is one consumer at full work, `downstream` the most
    that all together get through. `start` is from the pod's creation to its membership;
    `rebalance` is how long a moved partition rests (`eager`: every partition). A consumer fetches up
    to `fetch` records of one partition and handles them before it turns to its next partition.
    """

    name: str
    title: str
    seconds: float
    rate: Rate
    changes: int
    initial: int = 1
    warm_up: float = 1800.0
    step: float = 0.5
    partitions: int = 12
    skew: float = 0.0
    max_replicas: int = 12
    worker_rate: float = 100.0
    downstream: float | None = None
    start: tuple[float, float] = (2.0, 5.0)
    rebalance: float = 2.0
    eager: bool = False
    commit: float = 1.0
    fetch: int = 2000
    bursts: tuple[Burst, ...] = ()
    poison: Poison | None = None
    outage: Outage | None = None
    rollout: Rollout | None = None
    objective: float = 30.0
    window: float = 120.0
    weights: tuple[float, ...] = field(init=False)

    def __post_init__(self) -> None:
        """Derive each partition's share of the load: Zipf with the exponent `skew`, even at 0."""
        raw = [1 / (rank + 1) ** self.skew for rank in range(self.partitions)]
        object.__setattr__(self, "weights", tuple(share / sum(raw) for share in raw))

    def times(self) -> Iterator[float]:
        """Yield the start of every step, from the warm-up to the end."""
        for number in range(round((self.warm_up + self.seconds) / self.step)):
            yield number * self.step - self.warm_up


def constant(rate: float) -> Rate:
    """Return a load that never changes."""
    return partial(_at_steps, rate, ())


def steps(first: float, *changes: tuple[float, float]) -> Rate:
    """Return a load that jumps to a new rate at each (time, rate)."""
    return partial(_at_steps, first, changes)


def slopes(*points: tuple[float, float]) -> Rate:
    """Return a load that goes straight from point to point, and stays at the ends."""
    return partial(_at_slopes, points)


def wave(mean: float, swing: float, period: float) -> Rate:
    """Return a sine from time 0 on, at its lowest before."""
    return partial(_at_wave, mean, swing, period)


def square(low: float, high: float, period: float) -> Rate:
    """Return high for half a period and low for the other half, from time 0 on."""
    return partial(_at_square, low, high, period)


def _at_steps(first: float, changes: Sequence[tuple[float, float]], now: float) -> float:
    return next((value for at, value in reversed(changes) if now >= at), first)


def _at_slopes(points: Sequence[tuple[float, float]], now: float) -> float:
    if now <= points[0][0]:
        return points[0][1]
    for (begin, low), (end, high) in pairwise(points):
        if now <= end:
            return low + (high - low) * (now - begin) / (end - begin)
    return points[-1][1]


def _at_wave(mean: float, swing: float, period: float, now: float) -> float:
    return mean - swing * math.cos(2 * math.pi * max(0.0, now) / period)


def _at_square(low: float, high: float, period: float, now: float) -> float:
    return high if now >= 0 and now % period < period / 2 else low


HOUR = 3600.0
_DAY = slopes(
    (0, 60), (5 * HOUR, 50), (8 * HOUR, 600), (10 * HOUR, 850), (12 * HOUR, 800), (13 * HOUR, 650),
    (15 * HOUR, 800), (18 * HOUR, 900), (21 * HOUR, 450), (24 * HOUR, 60),
)  # fmt: skip

TRACES: tuple[Trace, ...] = (
    Trace(
        "step", "Step: 150 to 700 records/s for 25 minutes, and back", 3000.0,
        steps(150, (0, 700), (1500, 150)), changes=2, initial=3,
    ),
    Trace(
        "spike", "Spike: a minute of 2,000 records/s over 100", 1500.0,
        steps(100, (0, 2000), (60, 100)), changes=2, initial=2,
    ),
    Trace(
        "ramp", "Ramp: 100 to 900 records/s in 15 minutes, five there, and back in 15", 2700.0,
        slopes((0, 100), (900, 900), (1200, 900), (2100, 100)), changes=8, initial=2,
    ),
    Trace(
        "sine", "Sine: 100 to 800 records/s and back every 20 minutes", 3600.0,
        wave(450, 350, 1200), changes=24, initial=2,
    ),
    Trace(
        "day", "Day curve: 24 hours between 50 and 900 records/s", 24 * HOUR,
        _DAY, changes=10, initial=1, step=1.0,
    ),
    Trace(
        "zipf", "Zipf: 24 partitions, the first with 26 % of the load, 100 to 330 records/s", 2400.0,
        steps(100, (0, 330), (1500, 100)), changes=2, initial=2, partitions=24, skew=1.0, max_replicas=24,
    ),
    Trace(
        "poison", "Poison: one of 12 partitions stands still for 15 minutes at 300 records/s", 1800.0,
        constant(300), changes=0, initial=6, poison=Poison(3, 0, 900),
    ),
    Trace(
        "broker", "Broker loss: 60 s without offsets, a third of the partitions without a leader", 1200.0,
        constant(400), changes=0, initial=6, outage=Outage(0, 60, (0, 1, 2, 3)),
    ),
    Trace(
        "capped", "Capped downstream: 400 records/s at most, 500 arrive for 10 minutes", 2400.0,
        steps(250, (0, 500), (600, 250)), changes=2, initial=4, downstream=400.0,
    ),
    Trace(
        "rollout", "Rollout: every pod is replaced under a steady 450 records/s", 900.0,
        constant(450), changes=0, initial=12, rollout=Rollout(0), start=(8.0, 12.0),
    ),
    Trace(
        "square", "Square: 100 and 800 records/s in turn, ten minutes each", 3600.0,
        square(100, 800, 1200), changes=6, initial=2,
    ),
    Trace(
        "rebalance", "Slow rebalance: the step, with 20 s of rest for every partition", 3000.0,
        steps(150, (0, 700), (1500, 150)), changes=2, initial=3, rebalance=20.0, eager=True,
    ),
    Trace(
        "burst", "Measured: a burst of 20,000 over 50 records/s", 600.0,
        constant(50), changes=2, bursts=(Burst(0, 20_000),), window=60.0, rebalance=3.0, eager=True,
    ),
)  # fmt: skip


def trace(name: str) -> Trace:
    """Return the trace of that name."""
    return next(one for one in TRACES if one.name == name)
