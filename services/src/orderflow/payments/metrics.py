"""What the Payment Service counts beside what every worker does."""

from prometheus_client import Counter, Histogram

REPEATED = Counter(
    "orderflow_repeated_orders", "Orders that were settled before: told again, not charged again."
)
CONFLICTS = Counter("orderflow_order_id_conflicts", "Orders whose id was that of another order.")
READING_SECONDS = Histogram(
    "orderflow_window_reading_seconds",
    "Time to read which orders were settled last, of all partitions that were gained together.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20),
)
