"""Decisions in words, for people on call. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from orderflow_operator.scaling.sizing import Size, share
from orderflow_operator.scaling.types import Inputs, Limiter


def rfc3339(at: float) -> str:
    """Return seconds since the epoch as people and the API server write it: UTC, whole seconds."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def count(number: int, noun: str) -> str:
    """Return a number with its noun, in the plural where it belongs."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def seconds(number: float) -> str:
    """Return a duration: seconds, minutes from two of them on."""
    return f"{number:.0f} s" if number < 120 else f"{number / 60:.0f} min"


def rate(number: float) -> str:
    """Return records per second, with decimals only where they matter."""
    return f"{number:,.0f}/s" if number >= 10 or number == 0 else f"{number:.1f}/s"


def load(i: Inputs, size: Size) -> str:
    """Return what there is to do, and how many replicas that is."""
    late = f" ({seconds(i.lag_seconds)})" if i.lag and i.lag_seconds is not None else ""
    behind = f"{count(i.lag, 'record')} behind{late}"
    if i.rate_per_consumer is None and i.lag == 0:
        return "nothing behind, and the rate of a consumer is not known until one is busy"
    if i.rate_per_consumer is None:
        return f"{behind}, at {i.policy.lag_per_replica:,} for each until their rate is known"
    threads = i.policy.consumers_per_pod
    needed = size.need / (i.rate_per_consumer * threads) if i.rate_per_consumer else 0.0
    who = "consumers" if threads == 1 else "replicas"
    each = rate(i.rate_per_consumer * threads)
    return f"{behind} and {rate(i.arrival)} arriving need {needed:.1f} {who} at {each}"


def too_few(i: Inputs, size: Size) -> str | None:
    """Return why the next smaller useful size is not enough, None if there is none or that is plain."""
    if size.below is None or i.rate_per_consumer is None:
        return None
    part = count(share(i, size.below), "partition")
    return f"{size.below} would leave the busiest with {part} ({rate(size.below_busiest)})"


def explained(i: Inputs, size: Size, replicas: int, limiters: tuple[Limiter, ...]) -> str:
    """Return the answer to "why this many?": the load, and the limiters that made it this number."""
    because = [one.because for one in limiters if one.name != "Margin"]
    if not because and replicas == size.replicas:
        because = [one for one in (too_few(i, size),) if one]
    last = f"; {because[-1]}" if because else ""
    return f"{count(replicas, 'replica')}: {load(i, size)}{last}."


def held(i: Inputs, replicas: int, because: str, would_be: int | None) -> str:
    """Return why the replicas stay, or are set, regardless of the load, and what the load asks for."""
    kept = f"{count(replicas, 'replica')} kept" if replicas == i.current else count(replicas, "replica")
    otherwise = "" if would_be is None or would_be == replicas else f"; otherwise it would be {would_be}"
    return f"{kept}: {because}{otherwise}."
