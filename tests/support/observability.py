"""What the dashboards and the alert rules ask Prometheus for, and what a scrape has."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
CHARTS = ROOT / "deploy/helm"
SERVICES, OPERATOR = CHARTS / "orderflow/files", CHARTS / "orderflow-operator/files"

# What Prometheus itself puts on every series it reads.
OF_THE_TARGET = {"namespace", "pod", "instance", "job", "container"}

_metric = re.compile(r"\b((?:orderflow|process|python)_[a-z0-9_]+)\b(?:\{([^}]*)\})?")
_matcher = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_grouping = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")


@dataclass(frozen=True)
class Scraped:
    """Every series that was read, by the name of its samples."""

    series: dict[str, list[Mapping[str, str]]] = field(default_factory=dict)

    def read(self, text: str) -> Scraped:
        """Add what a process answered to GET /metrics."""
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.series.setdefault(sample.name, []).append(sample.labels)
        return self

    def lacks(self, expression: str) -> list[str]:
        """Return what an expression asks for that is not there: metrics, labels, values of labels."""
        found, known = list[str](), {"le"} | OF_THE_TARGET
        for name, matchers in _metric.findall(expression):
            series = self.series.get(name)
            if not series:
                found.append(name)
                continue
            known |= {label for labels in series for label in labels}
            found += (f"{name}{{{each}}}" for each in self._missing(series, matchers))
        grouped = {label.strip() for labels in _grouping.findall(expression) for label in labels.split(",")}
        return [*found, *sorted(grouped - known - {""})]

    def _missing(self, series: Iterable[Mapping[str, str]], matchers: str) -> Iterator[str]:
        values: dict[str, set[str]] = {}
        for labels in series:
            for label, value in labels.items():
                values.setdefault(label, set()).add(value)
        for label, operator, value in _matcher.findall(matchers):
            if label in OF_THE_TARGET and label not in values:
                continue
            if label not in values or (operator == "=" and value not in values[label]):
                yield f'{label}{operator}"{value}"'


def dashboards(files: Path) -> dict[str, dict[str, Any]]:
    """Return the dashboards of a chart by the name of their file."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(files.glob("dashboards/*.json"))}


def panels(board: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the panels of a dashboard that show something."""
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def alerts(files: Path) -> dict[str, dict[str, Any]]:
    """Return the alert rules of a chart by name."""
    groups = yaml.safe_load((files / "alerts.yaml").read_text())["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"]}


def expressions(files: Path) -> dict[str, str]:
    """Return every PromQL expression of a chart, Grafana's variables filled in, by where it stands."""
    found = {name: rule["expr"] for name, rule in alerts(files).items()}
    for name, board in dashboards(files).items():
        for panel in panels(board):
            for target in panel["targets"]:
                found[f"{name}: {panel['title']} {target['refId']}"] = _filled(target["expr"])
    return found


def variables(files: Path) -> dict[str, str]:
    """Return the `label_values` queries of the dashboards' variables, by dashboard and name."""
    return {
        f"{name}: ${variable['name']}": _filled(variable["query"]["query"])
        for name, board in dashboards(files).items()
        for variable in board["templating"]["list"]
        if variable["type"] == "query"
    }


def _filled(expression: str) -> str:
    expression = expression.replace("$__rate_interval", "5m")
    return re.sub(r"\$\w+", ".*", expression)
