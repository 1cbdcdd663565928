"""What a worker counts (prometheus-client); names follow Prometheus' conventions.

docs/metrics.md lists them.
"""

from collections.abc import Callable
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

from orderflow.streaming.service import FailureKind

# A second series for each one, which nothing reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

RECORDS = Counter("orderflow_records", "Records handled and committed.", ["service"])
BATCH_RECORDS = Histogram(
    "orderflow_batch_records",
    "Records in one transaction.",
    ["service"],
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000),
)
HANDLING_SECONDS = Histogram(
    "orderflow_batch_handling_seconds", "Time to decode a batch and react to it.", ["service"]
)
TRANSACTION_SECONDS = Histogram(
    "orderflow_transaction_seconds",
    "Time to write a batch and its offsets, until the commit is answered.",
    ["service"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
FAILED_ATTEMPTS = Counter("orderflow_failed_attempts", "Attempts that failed, by kind.", ["service", "kind"])
DEAD_LETTERS = Counter(
    "orderflow_dead_letters", "Records that became dead letters, by kind.", ["service", "kind"]
)
ABORTED = Counter(
    "orderflow_aborted_transactions", "Transactions that were aborted and done again.", ["service"]
)
REBUILT = Counter("orderflow_producer_rebuilds", "Producers given up for a new one.", ["service"])
REBALANCES = Counter("orderflow_rebalances", "Changes of the assignment, by kind.", ["service", "kind"])
ASSIGNED = Gauge("orderflow_assigned_partitions", "Partitions this process reads.", ["service"])
STOPPED = Counter(
    "orderflow_poison_stops",
    "Times it stopped handling because too many records became dead letters.",
    ["service"],
)
HELD = Gauge(
    "orderflow_held_records", "Records that wait for another attempt, or behind one that does.", ["service"]
)
LAG = Gauge(
    "orderflow_lag_records",
    "Offsets from what was committed to the end, as the worker sees the partitions it reads.",
    ["service", "topic", "partition"],
)
READY = Gauge("orderflow_worker_ready", "1 while the worker waits for nothing.", ["service"])
QUIET_SECONDS = Gauge(
    "orderflow_watchdog_quiet_seconds",
    "How long a loop has made no progress.",
    ["service", "loop"],
    multiprocess_mode="livemax",
)
LIMIT_SECONDS = Gauge(
    "orderflow_watchdog_limit_seconds",
    "How long a loop may make no progress before the watchdog ends the process.",
    ["service"],
    multiprocess_mode="livemax",
)
STORE_SECONDS = Histogram(
    "orderflow_store_seconds",
    "Time to write a batch and its offsets to the database.",
    ["service"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)
OVERTAKEN = Counter(
    "orderflow_overtaken_batches",
    "Batches not written, as another process had written for their partitions.",
    ["service"],
)
UNREADABLE = Counter(
    "orderflow_unreadable_records", "Records that could not be understood.", ["service", "topic"]
)


def begin_at_zero(service: str) -> None:
    """Show a worker's counters before there is anything to count: of one that appears with its first event
    Prometheus sees no increase."""
    for each in (RECORDS, ABORTED, REBUILT, STOPPED):
        each.labels(service)
    for kind in get_args(FailureKind):
        FAILED_ATTEMPTS.labels(service, kind)
        DEAD_LETTERS.labels(service, kind)


def reads_at_zero(service: str) -> None:
    """The same for what is told of a group's member."""
    ASSIGNED.labels(service).set(0)
    for change in ("assigned", "revoked", "lost"):
        REBALANCES.labels(service, change)


def watched(service: str, limit_seconds: float, loop: int = 0) -> Callable[[float], None]:
    """Return what a watchdog tells of a loop: for how many seconds it made no progress."""
    LIMIT_SECONDS.labels(service).set(limit_seconds)
    return QUIET_SECONDS.labels(service, str(loop)).set
