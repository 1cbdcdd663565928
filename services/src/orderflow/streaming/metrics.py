"""What a worker counts (prometheus-client); names follow Prometheus' conventions."""

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

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
