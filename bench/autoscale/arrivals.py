"""Records that arrive at each partition in each step: Poisson around the trace's rate, from a seed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from bench.autoscale.traces import Trace


def arrivals(trace: Trace, seed: int) -> Iterator[tuple[float, list[int]]]:
    """Yield (time, records by partition) for every step of the trace, its warm-up first."""
    chance = random.Random(f"arrivals {seed}")
    withheld = [0] * trace.partitions
    for now in trace.times():
        rate = trace.rate(now) * trace.step
        counts = [poisson(chance, rate * weight) for weight in trace.weights]
        for burst in trace.bursts:
            if now <= burst.at < now + trace.step:
                for index, extra in enumerate(_spread(chance, burst.records, trace.weights)):
                    counts[index] += extra
        yield now, _through_outage(trace, now, counts, withheld)


def poisson(chance: random.Random, mean: float) -> int:
    """Return a Poisson number; a rounded normal one where the mean is large."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(chance.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, chance.random()
    while product > limit:
        count += 1
        product *= chance.random()
    return count


def _spread(chance: random.Random, records: int, weights: tuple[float, ...]) -> list[int]:
    """Deal records over partitions as hashed keys do: a little unevenly."""
    counts = [
        max(0, round(chance.gauss(records * weight, math.sqrt(records * weight)))) for weight in weights
    ]
    counts[-1] += max(0, records - sum(counts))
    return counts


def _through_outage(trace: Trace, now: float, counts: list[int], withheld: list[int]) -> list[int]:
    """Hold back what producers cannot deliver to a partition without a leader; it comes afterwards."""
    if trace.outage is None:
        return counts
    for index in trace.outage.partitions:
        if trace.outage.begin <= now < trace.outage.end:
            withheld[index] += counts[index]
            counts[index] = 0
        elif now >= trace.outage.end and withheld[index]:
            counts[index] += withheld[index]
            withheld[index] = 0
    return counts
