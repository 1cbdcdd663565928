"""How many replicas the load asks for, among the sizes that make a difference. Pure.

need of a partition = arrival / utilization + backlog / catch-up + arrival * pause / catch-up, the form of
the Flink autoscaler (DS2, OSDI 2018), in records per second. A size is useful if it gives the busiest
consumer fewer partitions than any smaller one does. The answer is the smallest useful size at which the
busiest consumer keeps up and the whole need is met. If there is none because single partitions ask for
more than a consumer can do, the smallest that would be enough if those asked for just one consumer each:
more would only wait for them (KEDA issue 3997). A partition that a consumer can keep up with when it has
little else is given that. If there is none for other reasons, the smallest that is as good as the largest.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate, pairwise
from math import ceil

from orderflow_operator.rates.samples import Value
from orderflow_operator.scaling.types import Inputs, Load

# The deal of partitions is a guess: what one consumer has a tenth too much, util leaves room for.
TOLERANCE = 0.10
# A smaller size must be enough for a tenth more than there is.
MARGIN = 0.10
AS_GOOD = 0.05
_EXACT = 1 + 1e-9


class Size(Value, frozen=True, kw_only=True):
    """A size and why: `raw` before any bound, `need` and the `busiest` consumer's part of it in records/s.

    `fits`: the need is met; `below` is the next smaller useful size, with its busiest consumer.
    """

    raw: int
    replicas: int
    need: float = 0.0
    busiest: float = 0.0
    fits: bool = True
    below: int | None = None
    below_busiest: float = 0.0


def cap(i: Inputs) -> int:
    """Return how many replicas the partitions can feed; a replica more would only idle."""
    return ceil(len(i.loads) / i.policy.consumers_per_pod)


def most(i: Inputs) -> int:
    """Return the upper bound; replicas that minReplicas keeps without a partition are the user's wish."""
    return max(least(i), min(i.policy.max_replicas, cap(i)))


def least(i: Inputs) -> int:
    """Return the lower bound of anything above zero."""
    return max(1, i.policy.min_replicas)


def share(i: Inputs, replicas: int) -> int:
    """Return how many partitions the busiest consumer has at this size."""
    return ceil(len(i.loads) / max(1, replicas * i.policy.consumers_per_pod))


def options(i: Inputs) -> tuple[int, ...]:
    """Return the useful sizes within the bounds, ascending; the lowest is the lower bound itself."""
    low, high = least(i), most(i)
    sizes, size = [low], low
    while share(i, size) > 1:
        size = ceil(len(i.loads) / ((share(i, size) - 1) * i.policy.consumers_per_pod))
        sizes.append(size)
    return tuple(one for one in sizes if one <= high)


def size_now(i: Inputs, *, surge: bool = False) -> Size:
    """Return the size for what arrives and waits now; `surge`: as if the last poll's arrivals stayed.

    What is there is enough if it is without the pause, which only a change brings. Else the backlog that
    a change has just left would count twice, and ask for the next change.
    """
    if i.rate_per_consumer is None:
        return _by_lag(i)
    arrivals = [one.surge if surge else one.arrival for one in i.loads]
    for pause in (0.0, i.pause_seconds):
        size = _sized(i, [need(i, one, rate, pause) for one, rate in zip(i.loads, arrivals, strict=True)])
        if size.replicas <= i.current:
            break
    return size


def size_for_less(i: Inputs) -> Size:
    """Return the size that would still be enough: a margin more, growing as it does, backlog and all."""
    if i.rate_per_consumer is None:
        return _by_lag(i)
    scale = (1 + MARGIN) * i.growth
    backlog = [one.backlog / i.policy.catch_up_seconds for one in i.loads]
    steady = _steady(i)
    return _sized(i, [scale * one + late for one, late in zip(steady, backlog, strict=True)])


def size_for_arrivals(i: Inputs) -> int:
    """Return the fewest replicas that arrivals alone need, with the margin.

    This is what the stabilization window remembers. A backlog is not: once it is worked off, it asks for
    nothing, while the arrivals of a minute ago may come again. Without a rate nothing can be said.
    """
    if i.rate_per_consumer is None:
        return least(i)
    return _sized(i, [(1 + MARGIN) * one for one in _steady(i)]).replicas


def need(i: Inputs, load: Load, arrival: float, pause: float = 0.0) -> float:
    """Return what one partition asks for, in records per second; a stalled one asks for nothing."""
    if load.apart:
        return 0.0
    late = (load.backlog + arrival * pause) / i.policy.catch_up_seconds
    return arrival / i.policy.utilization + late


def busiest(needs: Sequence[float], consumers: int) -> float:
    """Return the most that one consumer gets when partitions are dealt in order, evenly by number."""
    sums = [0.0, *accumulate(needs)]
    few, extra = divmod(len(needs), consumers)
    ends = [0, *accumulate(few + (n < extra) for n in range(min(consumers, len(needs))))]
    return max((sums[end] - sums[start] for start, end in pairwise(ends)), default=0.0)


def _steady(i: Inputs) -> list[float]:
    """Return what arrivals alone ask for, partition by partition."""
    pause = i.pause_seconds / i.policy.catch_up_seconds
    return [0.0 if one.apart else one.arrival * (1 / i.policy.utilization + pause) for one in i.loads]


def _by_lag(i: Inputs) -> Size:
    lag = sum(one.backlog for one in i.loads)
    raw = ceil(lag / i.policy.lag_per_replica)
    sizes = options(i)
    return Size(raw=raw, replicas=next((one for one in sizes if one >= raw), sizes[-1]))


def _sized(i: Inputs, needs: list[float]) -> Size:
    rate, threads = i.rate_per_consumer or 0.0, i.policy.consumers_per_pod
    total, sizes = sum(needs), options(i)
    loads = [busiest(needs, one * threads) for one in sizes]
    fitting = (
        n
        for n, one in enumerate(sizes)
        if loads[n] <= rate * (1 + TOLERANCE) and total <= one * threads * rate * _EXACT
    )
    chosen = next(fitting, None)
    fits = chosen is not None
    if chosen is None:
        as_good = next(n for n, load in enumerate(loads) if load <= loads[-1] * (1 + AS_GOOD))
        beside = _beside_hot(i, needs, rate, [one * threads for one in sizes])
        chosen = as_good if beside is None else beside
    return Size(
        raw=ceil(total / (rate * threads) / _EXACT) if rate > 0 else sizes[-1],
        replicas=sizes[chosen],
        need=total,
        busiest=loads[chosen],
        fits=fits,
        below=sizes[chosen - 1] if chosen else None,
        below_busiest=loads[chosen - 1] if chosen else 0.0,
    )


def _beside_hot(i: Inputs, needs: list[float], rate: float, consumers: list[int]) -> int | None:
    """Return which of the sizes is enough for all but the partitions that no consumer can keep up with."""
    limit = rate * (1 + TOLERANCE)
    if all(one <= limit for one in needs):
        return None
    total = sum(min(one, rate) for one in needs)
    rest = [0.0 if one > limit else one for one in needs]
    bearable = [0.0 if one.apart or one.arrival > rate else one.arrival for one in i.loads]
    enough = (
        n
        for n, one in enumerate(consumers)
        if total <= one * rate * _EXACT and busiest(rest, one) <= limit and busiest(bearable, one) <= rate
    )
    return next(enough, None)
