"""What the Order Service counts (prometheus-client), beside `orderflow_transaction_seconds`."""

from __future__ import annotations

import os
from typing import get_args

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from orderflow.orders.problems import Reason

ACCEPTED = Counter("orderflow_orders_accepted", "Orders committed and answered 202.")
REFUSED = Counter(
    "orderflow_orders_refused",
    "Requests to place an order that were not accepted, by HTTP status and reason.",
    ["status", "reason"],
)
# Shown before there is anything to count: else Prometheus would see no increase by the first one.
for reason in get_args(Reason):
    REFUSED.labels("503", reason)
GROUP_ORDERS = Histogram(
    "orderflow_group_orders",
    "Orders that shared one transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
)

# Several processes on one port share their numbers in files in this folder.
SHARED_DIR = "PROMETHEUS_MULTIPROC_DIR"


def exposition() -> bytes:
    """Return the metrics in Prometheus' text format: of all processes on this port, not of one by chance."""
    if SHARED_DIR not in os.environ:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
