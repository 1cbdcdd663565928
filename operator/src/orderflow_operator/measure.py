"""A decision and a write as Prometheus sees them."""

from __future__ import annotations

from orderflow_operator import metrics
from orderflow_operator.scaling import Decision, Inputs, Sample, Target
from orderflow_operator.workers import Worker


def measure_decision(worker: Worker, sample: Sample, inputs: Inputs, decision: Decision) -> None:
    """Show what was seen and decided; note since when more replicas are asked for."""
    key, readable = worker.key, sample.problem is None
    metrics.DECISIONS.labels(*key, decision.reason).inc()
    metrics.LAG_READABLE.labels(*key).set(readable)
    metrics.set_or_drop(metrics.LAG, key, inputs.lag if readable else None)
    metrics.set_or_drop(metrics.LAG_SECONDS, key, sample.lag_seconds)
    metrics.set_or_drop(metrics.ARRIVAL, key, inputs.arrival if readable else None)
    metrics.set_or_drop(metrics.RATE, key, inputs.rate_per_consumer)
    metrics.REPLICAS.labels(*key).set(sample.target.replicas)
    metrics.READY.labels(*key).set(sample.target.ready)
    metrics.DESIRED.labels(*key).set(decision.replicas)
    metrics.set_or_drop(metrics.WOULD_BE, key, decision.would_be)
    if (decision.raw or 0) <= sample.target.replicas:
        worker.wanted_since = None
    elif worker.wanted_since is None:
        worker.wanted_since = sample.at


def measure_write(worker: Worker, target: Target, decision: Decision, now: float) -> None:
    """Count a scale write; an up soon after a down is a flap, and the first up to a demand has a delay."""
    up = decision.replicas > target.replicas
    metrics.WRITES.labels(*worker.key, "up" if up else "down").inc()
    if not up:
        worker.last_down_at = now
        return
    if worker.last_down_at and now - worker.last_down_at < worker.spec.stabilization_window_seconds:
        metrics.FLAPS.labels(*worker.key).inc()
    if worker.wanted_since is not None:
        metrics.REACTION.labels(*worker.key).observe(now - worker.wanted_since)
        worker.wanted_since = None
