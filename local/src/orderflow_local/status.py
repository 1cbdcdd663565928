"""`make status`: processes, topics, groups and lag."""

import time
from typing import Any

import psutil
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from orderflow.cli.main import app as orderflow
from orderflow_local.decisions import fetch
from orderflow_local.net import answers_kafka
from orderflow_local.processes import probe
from orderflow_local.state import ProcessState, RunState


def show(run: RunState, console: Console) -> None:
    """Print the state of a run; topics and lag come from the `orderflow` command."""
    console.print(_processes(run))
    console.print()
    console.print(_decisions(fetch(run.decisions_url)))
    where = ["--kafka-bootstrap-servers", run.bootstrap_servers, "--topic-prefix", run.topic_prefix]
    for command in ("topics", "lag"):
        console.print()
        orderflow([command, *where], standalone_mode=False)


def _processes(run: RunState) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("PROCESS", "PID", "UPTIME", "RESTARTS", "READY", "PORT"):
        table.add_column(title, justify="left" if title in ("PROCESS", "READY") else "right")
    for each in sorted(run.processes.values(), key=lambda process: (-process.tier, process.name)):
        living = psutil.pid_exists(each.pid)
        table.add_row(
            each.name,
            str(each.pid),
            uptime(time.time() - each.started_at) if living else "-",
            str(each.restarts),
            _readiness(each) if living else "no: it ended",
            str(each.port),
        )
    return table


def _decisions(decisions: list[dict[str, Any]]) -> Table:
    table = Table(box=None, pad_edge=False)
    for title in ("WORKERS", "RUNNING", "WANTED", "LAG", "SECONDS", "WHY"):
        table.add_column(title, justify="left" if title in ("WORKERS", "WHY") else "right")
    for each in decisions:
        decision = each["decision"]
        table.add_row(
            each["name"],
            str(each["readyReplicas"]),
            str(decision["replicas"]),
            _number(each["lag"], ",d"),
            _number(each["lagSeconds"], ".1f"),
            escape(f"{decision['reason']}: {decision['message']}"),
        )
    if not decisions:
        table.add_row("not decided yet", "", "", "", "", "")
    return table


def _number(value: float | None, form: str) -> str:
    return "?" if value is None else format(value, form)


def _readiness(process: ProcessState) -> str:
    if not process.health_url:
        return "yes" if answers_kafka("127.0.0.1", process.port) else "no: does not answer"
    host = process.health_url.removeprefix("http://").rpartition(":")[0]
    ready, reason = probe(process.port, host)
    return "yes" if ready else f"no: {reason}"


def uptime(seconds: float) -> str:
    """Return a duration in its two largest units: 3d 4h, 2h 5m, 1m 9s, 12s."""
    left, parts = int(seconds), list[str]()
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count or parts or unit == "s":
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])
