"""Prints docs/metrics.md: every metric of ours by process, then the alerts, from the code and the rules.

python docs/metrics_page.py > docs/metrics.md
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml
from prometheus_client.metrics import MetricWrapperBase

from orderflow.orders import metrics as orders
from orderflow.payments import metrics as payments
from orderflow.streaming import latency as records
from orderflow.streaming import metrics as workers
from orderflow_local import metrics as supervisor
from orderflow_operator import metrics as operator

_KINDS = (MetricWrapperBase, records.Latencies)
ROOT = Path(__file__).parent.parent
CHARTS = ROOT / "deploy/helm"
ALERTS = {
    "The services": CHARTS / "orderflow/files/alerts.yaml",
    "The operator": CHARTS / "orderflow-operator/files/alerts.yaml",
}
PROCESSES: dict[str, tuple[ModuleType, ...]] = {
    "Every worker": (workers, records),
    "Order Service": (orders,),
    "Payment Service": (payments,),
    "Operator": (operator,),
    "Supervisor of `make up`": (supervisor,),
}

INTRO = """\
# Metrics and alerts

Every process answers `GET /metrics` in Prometheus' text format: the Order Service on the port of its API, a
worker and the operator on `HEALTH_PORT`, the supervisor of `make up` beside its decisions (`decisions_url` in
`.orderflow/state.json`). With `monitoring.kind` PodMonitor or ServiceMonitor the charts have Prometheus find
them; `monitoring.rules.enabled` and `monitoring.dashboards.enabled` add the rules and the dashboards below.

With `API_WORKERS` above 1 the processes behind one port share their numbers: whichever of them is asked
answers for all, and for those that ended.

Names follow Prometheus' conventions: base units, `_total` for counters, and labels whose values are few.
None is an order, a user or a text. A counter whose labels are known is there from the start, at 0, so that
its first event is an increase. What prometheus-client itself tells of a process (`process_*`, `python_*`)
comes with them, but for an Order Service of several processes.

## What is where

- **End to end.** `orderflow_record_latency_seconds` of `payment-service` runs from the order's timestamp,
  as its record in `orders` has it, to the commit of its outcome. Of other workers it begins at the record
  they read: of `notification-service` at the payment.
- **Lag.** `orderflow_lag_records` is a worker's own view of the partitions that it reads, once a second,
  without a question to the broker: a record handled ahead of one that waits still counts, and so do commit
  markers until the worker is idle. With no worker there is no series; then `orderflow_assigned_partitions`
  is 0 or absent. Exact lag, in seconds too, is what the operator reads for all of a group at a time
  (`orderflow_operator_lag_records`), and what `orderflow lag` prints.
- **The watchdog** ends its process, and a counter with it. So what is shown is how long a loop makes no
  progress, beside the limit.
- **Figures of the loop** are taken by the batch. Latency is counted for every record; the bounds of the
  buckets are looked up once a batch.
"""

DASHBOARDS = """\
## Dashboards

`pipeline.json` and `workers.json` (`deploy/helm/orderflow/files/dashboards`) and `scaling.json`
(`deploy/helm/orderflow-operator/files/dashboards`) are Grafana dashboards for any Prometheus that reads the
above. Import them as they are, or let the charts make ConfigMaps of them.

## Alerts

Both files are rules for Prometheus as they are. For each alert there is a case in which it fires, not before
its time, and one in which it does not (`tests/alerts`, run by `promtool test rules`).
"""


def page() -> str:
    """Return the whole page, as Markdown."""
    parts = [INTRO, *(_metrics(title, modules) for title, modules in PROCESSES.items()), DASHBOARDS]
    return "\n".join([*parts, *(_alerts(title, path) for title, path in ALERTS.items())])


def collectors(modules: Iterable[ModuleType]) -> Iterator[Any]:
    """Return the metrics that modules declare, in their order."""
    for module in modules:
        yield from (value for value in vars(module).values() if isinstance(value, _KINDS))


def described(collector: Any) -> tuple[str, str, tuple[str, ...], str]:
    """Return a metric's family, type, labels and meaning."""
    (family,) = collector.describe()
    return family.name, family.type, tuple(collector._labelnames), family.documentation


def _metrics(title: str, modules: Iterable[ModuleType]) -> str:
    rows = ["| Metric | Type | Labels | Meaning |", "| --- | --- | --- | --- |"]
    for family, kind, labels, meaning in map(described, collectors(modules)):
        name = f"{family}_total" if kind == "counter" else family
        cells = (f"`{name}`", kind, ", ".join(f"`{label}`" for label in labels), meaning)
        rows.append(f"| {' | '.join(cells)} |")
    return f"## {title}\n\n" + "\n".join(rows) + "\n"


def _alerts(title: str, path: Path) -> str:
    rules = [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]
    rows = ["| Alert | Severity | Lasts | What to do |", "| --- | --- | --- | --- |"]
    for rule in rules:
        what = rule["annotations"]["runbook"].replace("|", "\\|")
        rows.append(f"| `{rule['alert']}` | {rule['labels']['severity']} | {rule.get('for', '')} | {what} |")
    where = path.relative_to(ROOT)
    return f"### {title} (`{where}`)\n\n" + "\n".join(rows) + "\n"


if __name__ == "__main__":
    print(page(), end="")
