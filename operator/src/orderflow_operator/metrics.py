"""What Prometheus reads of the operator; a worker that is gone leaves no series behind."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, disable_created_metrics

# A second series for each one, which nothing reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

_WORKER = ("namespace", "streamworker")
_SECONDS = (0.5, 1, 2, 3, 5, 7.5, 10, 15, 30, 60, 120, 300)

LAG = Gauge("orderflow_operator_lag_records", "Records the group has yet to consume.", _WORKER)
LAG_SECONDS = Gauge("orderflow_operator_lag_seconds", "Age of the oldest record yet to be consumed.", _WORKER)
ARRIVAL = Gauge("orderflow_operator_arrival_per_second", "Records that arrive a second.", _WORKER)
RATE = Gauge("orderflow_operator_rate_per_consumer", "Records a second of a saturated consumer.", _WORKER)
REPLICAS = Gauge("orderflow_operator_replicas", "Replicas that the target asks for.", _WORKER)
READY = Gauge("orderflow_operator_ready_replicas", "Replicas of the target that are ready.", _WORKER)
DESIRED = Gauge("orderflow_operator_desired_replicas", "Replicas that were decided.", _WORKER)
WOULD_BE = Gauge(
    "orderflow_operator_would_be_replicas", "Replicas without pause, dry run or another hold.", _WORKER
)
LAG_READABLE = Gauge("orderflow_operator_lag_readable", "1 while the lag could be read.", _WORKER)
DECISIONS = Counter("orderflow_operator_decisions", "Decisions by reason.", (*_WORKER, "reason"))
WRITES = Counter(
    "orderflow_operator_scale_writes", "Writes to the scale of a target.", (*_WORKER, "direction")
)
FLAPS = Counter("orderflow_operator_flaps", "Ups within a stabilization window after a down.", _WORKER)
REACTION = Histogram(
    "orderflow_operator_reaction_seconds",
    "From the first poll that asked for another size to the write of it, ups only.",
    _WORKER,
    buckets=_SECONDS,
)
POLL = Histogram(
    "orderflow_operator_poll_seconds",
    "Duration of one poll of a Kafka cluster.",
    ("cluster",),
    buckets=_SECONDS,
)
POLL_FAILURES = Counter(
    "orderflow_operator_poll_failures", "Polls in which Kafka could not be read.", ("cluster",)
)
WORKER_FAILURES = Counter(
    "orderflow_operator_worker_failures", "Polls in which a worker could not be looked after.", _WORKER
)
LEADER = Gauge("orderflow_operator_leader", "1 while this replica holds the Lease.")
WORKERS = Gauge("orderflow_operator_streamworkers", "StreamWorkers that are looked after.")

_OF_A_WORKER = (
    LAG,
    LAG_SECONDS,
    ARRIVAL,
    RATE,
    REPLICAS,
    READY,
    DESIRED,
    WOULD_BE,
    LAG_READABLE,
    FLAPS,
    WORKER_FAILURES,
    REACTION,
)


def begin_at_zero(namespace: str, name: str) -> None:
    """Show a worker's counters before there is anything to count: of one that appears with its first event
    Prometheus sees no increase."""
    FLAPS.labels(namespace, name)
    WORKER_FAILURES.labels(namespace, name)
    for direction in ("up", "down"):
        WRITES.labels(namespace, name, direction)


def forget(namespace: str, name: str) -> None:
    """Remove the series of a worker that is gone."""
    for metric in _OF_A_WORKER:
        metric.remove_by_labels({"namespace": namespace, "streamworker": name})
    for metric in (DECISIONS, WRITES):
        metric.remove_by_labels({"namespace": namespace, "streamworker": name})


def set_or_drop(gauge: Gauge, key: tuple[str, str], value: float | None) -> None:
    """Set a worker's gauge; an unknown value has no series, which is not zero."""
    if value is not None:
        gauge.labels(*key).set(value)
    else:
        gauge.remove_by_labels({"namespace": key[0], "streamworker": key[1]})
