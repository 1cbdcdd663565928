"""What Prometheus reads of the supervisor, beside its decisions."""

from prometheus_client import Counter, Gauge, disable_created_metrics

# A second series for each one, which nothing reads.
disable_created_metrics()  # type: ignore[no-untyped-call]

RESTARTS = Counter("orderflow_local_restarts", "Starts of a process after one that ended.", ["process"])
DESIRED = Gauge("orderflow_local_desired_workers", "Processes that were decided.", ["service"])
READY = Gauge("orderflow_local_ready_workers", "Processes that are ready.", ["service"])
LAG = Gauge("orderflow_local_lag_records", "Records the group has yet to consume.", ["service"])
LAG_SECONDS = Gauge(
    "orderflow_local_lag_seconds", "Age of the oldest record yet to be consumed.", ["service"]
)


def set_or_drop(gauge: Gauge, service: str, value: float | None) -> None:
    """Set a service's gauge; an unknown value has no series, which is not zero."""
    if value is not None:
        gauge.labels(service).set(value)
    else:
        gauge.remove_by_labels({"service": service})
