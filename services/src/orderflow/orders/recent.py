"""The orders this process accepted lately, so that it can answer for them. Pure: the time comes in.

Until the tables of all orders have seen an order, only the process that accepted it knows that it exists.
"""

from __future__ import annotations

from collections import OrderedDict

KEPT_SECONDS = 60.0


class RecentOrders:
    """Remembers at most `capacity` order ids, each for 60 seconds; the oldest go first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        # Not a dict: taking the oldest out of one gets slower with every one taken before.
        self._accepted: OrderedDict[str, float] = OrderedDict()

    def remember(self, order_id: str, now: float) -> None:
        """Note that an order was accepted now (in seconds of any steady clock)."""
        accepted = self._accepted
        accepted[order_id] = now
        accepted.move_to_end(order_id)
        while accepted:
            oldest = next(iter(accepted))
            if len(accepted) <= self._capacity and accepted[oldest] > now - KEPT_SECONDS:
                break
            del accepted[oldest]

    def knows(self, order_id: str, now: float) -> bool:
        """Return whether the order was accepted here within the last 60 seconds."""
        accepted_at = self._accepted.get(order_id)
        return accepted_at is not None and accepted_at > now - KEPT_SECONDS

    def __len__(self) -> int:
        return len(self._accepted)
