"""From when on orders can be judged, on a log whose oldest records are deleted. Pure.

Each topic is cut on its own: an order may outlive its payment for a while. What is older than the oldest
record that `payments` and `notifications` still have cannot be called lost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from orderflow.events.topics import NOTIFICATIONS, ORDERS, PAYMENTS
from orderflow_lag.observation import LogRange, Observation, Tail, TopicPartition

MARGIN = 60.0  # seconds: hosts that write orders and payments do not share a clock


def cut_logs(seen: Observation, prefix: str) -> Iterator[Tail]:
    """Yield the logs of payments and notifications whose beginning is gone, as what is left of them."""
    for at, log in seen.logs.items():
        if (
            at.topic in (prefix + PAYMENTS, prefix + NOTIFICATIONS)
            and isinstance(log, LogRange)
            and log.start
        ):
            yield Tail(*at, log.start, log.end)


def judged_from(seen: Observation, written: Mapping[Tail, float], prefix: str) -> dict[int, float]:
    """Return, by partition of orders, the time from which its orders can be judged (0: all of them).

    `written` tells when the first record of each cut log was written. Seconds since the epoch.
    """
    begins = {
        TopicPartition(tail.topic, tail.partition): written.get(tail, seen.at) + MARGIN
        for tail in cut_logs(seen, prefix)
    }
    names = (prefix + ORDERS, prefix + PAYMENTS, prefix + NOTIFICATIONS)
    count = seen.partitions.get(names[0])
    partitions = range(count if isinstance(count, int) else 0)
    if len({str(seen.partitions.get(name)) for name in names}) > 1:
        # A user's records are in partitions of different numbers: the latest beginning counts for all.
        return dict.fromkeys(partitions, max(begins.values(), default=0.0))
    return {
        number: max(begins.get(TopicPartition(name, number), 0.0) for name in names) for number in partitions
    }


def whole(seen: Observation, prefix: str) -> bool:
    """Return whether every effect in the log must have its cause there: no order or payment is gone."""
    causes = (prefix + ORDERS, prefix + PAYMENTS)
    return not any(
        log.start for at, log in seen.logs.items() if at.topic in causes and isinstance(log, LogRange)
    )
