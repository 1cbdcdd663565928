"""What the Payment Service counts beside what every worker does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import Counter, Histogram

from orderflow.streaming.batches import Done

PAYMENTS = Counter("orderflow_payments", "Payments committed, by status.", ["status"])

REPEATED = Counter(
    "orderflow_repeated_orders", "Orders that were settled before: told again, not charged again."
)
CONFLICTS = Counter("orderflow_order_id_conflicts", "Orders whose id was that of another order.")
READING_SECONDS = Histogram(
    "orderflow_window_reading_seconds",
    "Time to read which orders were settled last, of all partitions that were gained together.",
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 20),
)

# No text inside a JSON value reads like this: its quotes would be escaped.
_PAID = b'"status":"SUCCESS"'


def count_payments(topic: str) -> Callable[[Sequence[Done]], None]:
    """Return what counts the payments of a committed batch; `topic` with its prefix."""
    succeeded, failed = PAYMENTS.labels("SUCCESS"), PAYMENTS.labels("FAILED")

    def count(done: Sequence[Done]) -> None:
        # An order's payment comes before its status. One search for all, as there are thousands.
        values = [first[2] or b"" for each in done if (first := each.outgoing[0])[0] == topic]
        paid = b"".join(values).count(_PAID)
        succeeded.inc(paid)
        failed.inc(len(values) - paid)

    return count
