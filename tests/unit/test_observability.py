"""Dashboards, alert rules and metrics fit together, and read as Prometheus wants them."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry, generate_latest
from support.observability import (
    OPERATOR,
    ROOT,
    SERVICES,
    Scraped,
    alerts,
    dashboards,
    expressions,
    panels,
    variables,
)

from deploy.kind.parts import PROMTOOL
from docs.metrics_page import PROCESSES, collectors, described

TESTS = {SERVICES: ROOT / "tests/alerts/services.yaml", OPERATOR: ROOT / "tests/alerts/operator.yaml"}
BOARDS = {**dashboards(SERVICES), **dashboards(OPERATOR)}
RULES = {**alerts(SERVICES), **alerts(OPERATOR)}


def test_what_is_not_there_is_named() -> None:
    scraped = Scraped().read('orderflow_records_total{service="a"} 1\n')
    found = scraped.lacks('sum by (service, colour) (orderflow_records_total{service="b"}) / orderflow_b')
    assert found == ['orderflow_records_total{service="b"}', "orderflow_b", "colour"]
    assert scraped.lacks('sum by (service, pod) (orderflow_records_total{service="a", pod="x"})') == []


@pytest.fixture(scope="module")
def promtool() -> Path:
    """Prometheus' own judge of rules and names."""
    if not PROMTOOL.path.exists():
        pytest.skip("promtool is not built; `make kube-parts` does it, with Go")
    return PROMTOOL.path


def judged(promtool: Path, *arguments: str | Path, given: str | None = None) -> str:
    """Run promtool and return what it printed; it must be content."""
    command = [promtool, *arguments]
    done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def declared() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """Every metric of ours: family, type, labels."""
    for modules in PROCESSES.values():
        for collector in collectors(modules):
            yield described(collector)[:3]


@pytest.mark.parametrize("files", TESTS, ids=["services", "operator"])
def test_every_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(files: Path) -> None:
    cases = {case["name"]: case for case in yaml.safe_load(TESTS[files].read_text())["tests"]}
    wanted = [f"{alert} {does}" for alert in alerts(files) for does in ("fires", "does not fire")]
    assert sorted(cases) == sorted(wanted)
    patient = [name for name, rule in alerts(files).items() if "for" in rule]
    early = [cases[f"{name} fires"]["promql_expr_test"][0]["exp_samples"] for name in patient]
    assert early == [[]] * len(patient), "what is to last is not told at once"


@pytest.mark.parametrize("files", TESTS, ids=["services", "operator"])
def test_alerts_fire_when_they_should_and_no_sooner(promtool: Path, files: Path) -> None:
    judged(promtool, "check", "rules", "--lint-fatal", files / "alerts.yaml")
    judged(promtool, "test", "rules", TESTS[files])


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_an_alert_says_what_is_wrong_and_what_to_do(rule: dict[str, Any]) -> None:
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert set(rule["annotations"]) == {"summary", "runbook"}
    assert all(text[-1] == "." and text[0] != " " for text in rule["annotations"].values())


def test_what_panels_ask_is_promql(promtool: Path, tmp_path: Path) -> None:
    asked = {**expressions(SERVICES), **expressions(OPERATOR)}
    rules = [{"record": f"panel:{number}", "expr": each} for number, each in enumerate(asked.values())]
    (tmp_path / "rules.yaml").write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    assert f"{len(asked)} rules found" in judged(promtool, "check", "rules", tmp_path / "rules.yaml")


@pytest.mark.parametrize("board", BOARDS.values(), ids=BOARDS)
def test_a_dashboard_reads_the_chosen_source_and_its_panels_lie_beside_one_another(
    board: dict[str, Any],
) -> None:
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    sources = [each["datasource"]["uid"] for panel in panels(board) for each in (panel, *panel["targets"])]
    assert set(sources) == {"${datasource}"}
    taken = set[tuple[int, int]]()
    for at in (panel["gridPos"] for panel in board["panels"]):
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert at["x"] + at["w"] <= 24
        assert not cells & taken
        taken |= cells


def test_dashboards_and_alerts_ask_only_for_what_the_code_declares() -> None:
    scraped = Scraped()
    for name, kind, labels in declared():
        samples = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}.get(kind, ("",))
        for suffix in samples:
            scraped.series[name + suffix] = [dict.fromkeys((*labels, "le"), "")]
    for name in ("process_resident_memory_bytes", "process_cpu_seconds_total", "process_start_time_seconds"):
        scraped.series[name] = [{}]
    asked = {**expressions(SERVICES), **expressions(OPERATOR), **variables(SERVICES), **variables(OPERATOR)}
    # Which values a label takes only a running process tells.
    unnamed = {
        where: [each for each in scraped.lacks(text) if '="' not in each] for where, text in asked.items()
    }
    assert {where: names for where, names in unnamed.items() if names} == {}


def test_names_are_as_prometheus_wants_them(promtool: Path) -> None:
    registry = CollectorRegistry()
    for modules in PROCESSES.values():
        for collector in collectors(modules):
            registry.register(collector)
    judged(promtool, "check", "metrics", given=generate_latest(registry).decode())
    assert all(name.startswith("orderflow_") for name, _kind, _labels in declared())


@pytest.mark.parametrize("label", ["order_id", "user_id", "offset", "reason_text", "error", "trace_id"])
def test_no_label_has_a_value_for_every_record(label: str) -> None:
    assert [name for name, _kind, labels in declared() if label in labels] == []
