"""Workers that come and go with the lag on one machine: the operator's decisions, processes for pods."""

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.brokers import RunningBroker
from support.eventually import eventually
from support.local_system import LocalSystem, on_shared_broker

pytestmark = pytest.mark.chaos

# As README has it.
SEND = "orderflow orders send --count 12000 --rate 900 --to kafka"


@pytest.fixture
def scaling(broker: RunningBroker, namespace: str, tmp_path: Path) -> Iterator[LocalSystem]:
    """A system whose payment workers manage some 200 orders a second each, and may be three."""
    with on_shared_broker(
        broker,
        namespace,
        tmp_path,
        payments="PAYMENT_GATEWAY_LATENCY_MS=5\nPAYMENT_CONCURRENCY=1\n",
        PARTITIONS="6",
        PAYMENT_WORKERS="1",
        PAYMENT_WORKERS_MAX="3",
        NOTIFICATION_WORKERS_MAX="1",
    ) as system:
        yield system


def decision_about(system: LocalSystem, name: str) -> dict[str, Any]:
    """Return the last decision about a service; nothing before the first."""
    with urllib.request.urlopen(system.state.decisions_url, timeout=5) as answer:
        found: list[dict[str, Any]] = json.load(answer)["decisions"]
    return next((each["decision"] for each in found if each["name"] == name), {})


def orderflow(system: LocalSystem, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command against a system."""
    where = {
        "KAFKA_BOOTSTRAP_SERVERS": system.state.bootstrap_servers,
        "TOPIC_PREFIX": system.state.topic_prefix,
    }
    return subprocess.run(
        [sys.executable, "-m", *command.split()],
        env={**os.environ, **where},
        timeout=90,
        capture_output=True,
        text=True,
        check=False,
    )


def payment_workers(system: LocalSystem) -> set[str]:
    return {name for name in system.state.processes if name.startswith("payments-")}


@pytest.mark.timeout(240)
def test_a_burst_brings_payment_workers_and_they_go_again_when_it_is_done(scaling: LocalSystem) -> None:
    scaling.up()
    eventually(lambda: decision_about(scaling, "payments").get("replicas") == 1, within=20)
    prefix = scaling.state.topic_prefix
    done = orderflow(scaling, SEND)
    assert done.returncode == 0, done.stdout + done.stderr

    eventually(lambda: payment_workers(scaling) == {"payments-0", "payments-1", "payments-2"}, within=30)
    shown = scaling.command("status").stdout
    assert "WHY" in shown, shown
    # A decision every two seconds: the reason may be another one by now, the sentence's form is not.
    assert "payments" in shown.split("WHY", 1)[1], shown
    assert re.search(r"[A-Z]\w+:\s+\d+\s+replicas?", shown), shown

    eventually(lambda: payment_workers(scaling) == {"payments-0"}, within=120)
    told = scaling.console
    assert "-> 3 processes" in told, told
    assert "payments: 3 -> 1 processes" in told, told
    assert "starting it again" not in told, told
    groups = f"--payment-group {prefix}payments --notification-group {prefix}notifications"
    verdict = orderflow(scaling, f"orderflow verify --wait 30 {groups}")
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr
