"""Who runs on every trace: our operator and its peers, each with its defaults and tuned.

Tuned means set, with the options its documents offer, to react as fast as the five seconds and the
window that we use ourselves.
"""

from __future__ import annotations

from collections.abc import Callable

from bench.autoscale import flink, keda, numaflow
from bench.autoscale.ours import Ours
from bench.autoscale.traces import Trace
from bench.autoscale.view import Scaler
from orderflow_operator.spec.streamworker import Policy

OURS = "Orderflow"
KEDA, KEDA_TUNED = "KEDA + HPA", "KEDA + HPA, tuned"
FLINK, FLINK_TUNED = "Flink's formula", "Flink's formula, tuned"
NUMAFLOW, NUMAFLOW_TUNED = "Numaflow's rule", "Numaflow's rule, tuned"

CONTENDERS: dict[str, Callable[[Trace], Scaler]] = {
    OURS: lambda trace: Ours(OURS, policy(trace)),
    KEDA: lambda trace: keda.Keda(KEDA, keda.KedaOptions(), trace.max_replicas),
    KEDA_TUNED: lambda trace: keda.Keda(KEDA_TUNED, keda.TUNED, trace.max_replicas),
    FLINK: lambda trace: flink.Flink(FLINK, flink.FlinkOptions(), trace.max_replicas),
    FLINK_TUNED: lambda trace: flink.Flink(FLINK_TUNED, flink.TUNED, trace.max_replicas),
    NUMAFLOW: lambda trace: numaflow.Numaflow(NUMAFLOW, numaflow.NumaflowOptions(), trace.max_replicas),
    NUMAFLOW_TUNED: lambda trace: numaflow.Numaflow(NUMAFLOW_TUNED, numaflow.TUNED, trace.max_replicas),
}


def policy(trace: Trace) -> Policy:
    """Return the StreamWorker's settings on a trace: the defaults but for the bounds of the trace."""
    return Policy(
        max_replicas=trace.max_replicas,
        max_lag_seconds=trace.objective,
        stabilization_window_seconds=trace.window,
    )
