"""Dead letters on a real broker: listed with their reasons, brought back once, whatever happens meanwhile."""

import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.command import Command, verify
from support.eventually import eventually
from support.pipeline import Pipeline, headers_of, orders, sequences

ORDERS = 40


@pytest.fixture
def orderflow(command: Command, pipeline: Pipeline) -> Command:
    """The command, pointed at this test's pipeline."""
    return command.at(pipeline.bootstrap_servers, pipeline.prefix)


@pytest.fixture
def failed(pipeline: Pipeline) -> Pipeline:
    """A pipeline whose gateway was away: every order is a dead letter, and no worker runs any more."""
    worker = pipeline.start("payments", payment_error_rate=1)
    pipeline.produce("orders", orders(ORDERS, users=10))
    eventually(lambda: len(pipeline.read("failed-payments")) == ORDERS, within=60)
    assert worker.stop() == 0
    return pipeline


def test_what_failed_is_replayed_once_in_order_and_the_log_holds(
    failed: Pipeline, orderflow: Command
) -> None:
    listed = json.loads(orderflow("dlq", "list", "--json").out)
    assert {(one["class"], one["attempts"], one["replayed"]) for one in listed} == {
        ("GatewayTimeout", "3", False)
    }
    assert f"{ORDERS} GatewayTimeout" in said(orderflow, "orderflow dlq list")
    assert f"{ORDERS} GatewayTimeout" in said(
        orderflow, "orderflow dlq list --topic failed-payments --since 2h"
    )
    assert "reason: GatewayTimeout" in said(orderflow, "orderflow dlq show failed-payments/0/0")

    dry = said(orderflow, "orderflow dlq replay --reason GatewayTimeout")
    assert f"{ORDERS} would be replayed; --execute does it" in dry
    assert len(failed.read("orders")) == ORDERS

    done = said(orderflow, "orderflow dlq replay --reason GatewayTimeout --execute --rate 50")
    assert f"{ORDERS} replayed" in done
    failed.start("payments")
    failed.start("notifications")
    proof = orderflow(*verify(failed), "--wait", "60")
    assert proof.exit_code == 0, proof
    report = json.loads(proof.out)
    assert (report["paid"] + report["declined"], report["failed"]) == (ORDERS, 0)

    payments = failed.values("payments")
    assert {one["attempts"] for one in payments} == {1}
    # The first time they came is the order that counts.
    placed = {user: ids[: len(ids) // 2] for user, ids in sequences(failed.read("orders")).items()}
    assert sequences(failed.read("payments")) == placed

    again = orderflow("dlq", "replay", "--execute")
    assert f"0 replayed, {ORDERS} left out: was replayed before" in again.out
    assert len(failed.read("orders")) == 2 * ORDERS


def test_a_replay_that_was_killed_is_finished_by_the_next_one(failed: Pipeline, orderflow: Command) -> None:
    with replaying(failed) as killed:
        eventually(lambda: len(failed.read("orders")) > ORDERS + 5, within=30)
        killed.kill()
    assert len(failed.read("orders")) < 2 * ORDERS

    assert orderflow("dlq", "replay", "--execute").exit_code == 0
    assert set(times_ordered(failed).values()) == {2}


def test_of_two_replays_the_second_takes_over(failed: Pipeline, orderflow: Command) -> None:
    with replaying(failed) as first:
        eventually(lambda: len(failed.read("orders")) > ORDERS + 5, within=30)
        assert orderflow("dlq", "replay", "--execute").exit_code == 0
        said = first.communicate(timeout=60)[1]
    assert first.returncode == 1
    assert "another replay has begun. Run it again" in said
    assert set(times_ordered(failed).values()) == {2}


def test_a_letter_is_shown_whole_and_fails_again_with_one_reason(
    pipeline: Pipeline, orderflow: Command
) -> None:
    pipeline.start("payments")
    pipeline.produce("orders", [("user-1", b'{"order_id": "o1"}')], headers=[("correlation_id", b"corr-1")])
    eventually(lambda: pipeline.read("failed-orders"), within=40)
    (letter,) = json.loads(orderflow("dlq", "list", "--key", "user-1", "--json").out)
    shown = orderflow("dlq", "show", letter["letter"]).out
    assert "user_id" in shown
    assert "correlation_id: corr-1" in shown
    assert '{"order_id": "o1"}' in shown

    assert "1 replayed" in orderflow("dlq", "replay", letter["letter"], "--execute").out
    eventually(lambda: len(pipeline.read("failed-orders")) == 2, within=20)
    first, second = (headers_of(record) for record in pipeline.read("failed-orders"))
    assert first.keys() == second.keys()
    assert second["correlation_id"] == first["correlation_id"] == b"corr-1"
    assert first["dlq.offset"] != second["dlq.offset"]
    (record,) = [each for each in pipeline.read("orders") if "dlq.replayed_from" in headers_of(each)]
    assert headers_of(record)["dlq.replayed_from"].decode() == letter["letter"]


def test_what_is_not_there_is_said_in_a_sentence(pipeline: Pipeline, orderflow: Command) -> None:
    missing = orderflow("dlq", "show", "failed-orders/0/7")
    assert (missing.exit_code, missing.out) == (1, "")
    assert "There is no dead letter failed-orders/0/7" in missing.err
    named = orderflow("dlq", "replay", "failed-orders/0/7", "--execute")
    assert "There is no dead letter failed-orders/0/7" in named.err
    wrong = orderflow("dlq", "list", "--since", "yesterday")
    assert "--since 'yesterday': allowed are" in wrong.err
    assert "0 would be replayed" in orderflow("dlq", "replay").out


def said(orderflow: Command, line: str) -> str:
    """Run a line of docs/dead-letters.md and return what it printed."""
    done = orderflow(*line.split()[1:])
    assert (done.exit_code, done.err) == (0, "")
    return done.out


@contextmanager
def replaying(pipeline: Pipeline) -> Iterator["subprocess.Popen[str]"]:
    """Run a slow replay in a process of its own."""
    command = ["dlq", "replay", "--execute", "--rate", "5"]
    process = subprocess.Popen(
        [sys.executable, "-m", "orderflow", *command],
        env=os.environ
        | {"KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap_servers, "TOPIC_PREFIX": pipeline.prefix},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
        process.communicate()


def times_ordered(pipeline: Pipeline) -> Counter[str]:
    """Return how often each order is on `orders`."""
    return Counter(one["order_id"] for one in pipeline.values("orders"))
