"""An order that comes again, from whoever and whenever, is paid once; and so is one whose worker dies."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support.command import Command, verify
from support.eventually import eventually
from support.orders_service import OrderService
from support.pipeline import Pipeline, headers_of, order, orders

ORDER = {"user_id": "ann", "item": "tea", "quantity": 3}


@pytest.fixture
def orderflow(command: Command, pipeline: Pipeline) -> Command:
    """The command, pointed at this test's pipeline."""
    return command.at(pipeline.bootstrap_servers, pipeline.prefix)


def statuses(pipeline: Pipeline, order_id: str) -> list[str]:
    """Return every status of an order, in the order of the log."""
    return [each["status"] for each in pipeline.values("order-status") if each["order_id"] == order_id]


def test_a_repeated_post_is_paid_once_and_its_last_status_is_the_final_one(
    pipeline: Pipeline, orderflow: Command
) -> None:
    service, worker = OrderService(pipeline), pipeline.start("payments", payment_success_rate=1)
    service.wait_ready()
    order_id = service.place(ORDER, Idempotency_Key="k-1").json()["order_id"]
    eventually(lambda: statuses(pipeline, order_id) == ["PENDING", "PAID"], within=60)
    service.place(ORDER, Idempotency_Key="k-1")
    eventually(lambda: statuses(pipeline, order_id) == ["PENDING", "PAID"] * 2, within=20)

    worker.kill()
    service.place(ORDER, Idempotency_Key="k-1")
    successor = pipeline.start("payments", payment_success_rate=0)
    eventually(lambda: statuses(pipeline, order_id) == ["PENDING", "PAID"] * 3, within=60)

    pipeline.produce("orders", [order(1, order_id=order_id, user_id="ann"), order(2, order_id=order_id)])
    eventually(lambda: len(pipeline.read("failed-orders")) == 2, within=20)
    assert {headers_of(letter)["dlq.error.class"] for letter in pipeline.read("failed-orders")} == {
        b"OrderIdConflict"
    }
    assert statuses(pipeline, order_id) == ["PENDING", "PAID"] * 3, "untouched"
    assert len(pipeline.read("payments")) == 1
    assert successor.metric("orderflow_repeated_orders_total") == 1
    report = json.loads(orderflow(*verify(pipeline)).out)
    assert report["ok"], report
    assert (report["accepted"], report["paid"], report["rejected"]) == (2, 1, 1)


def test_kill_9_between_charge_and_commit_charges_every_order_once_however_often_it_comes(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    ledger, count = tmp_path / "ledger.db", 600
    pipeline.produce("orders", [*orders(count), *orders(count)])
    asked = {"payment_gateway_ledger": ledger, "payment_gateway_latency_ms": 2}
    victim = pipeline.start("payments", "victim", **asked)
    # It commits every half second, which is after some 250 calls: this is in between.
    eventually(lambda: ledger.exists() and len(calls(ledger)) > 300, within=60, every=0.01)
    victim.kill()
    assert len(calls(ledger)) > len(pipeline.read("payments")), "charged, but not committed"

    pipeline.start("payments", "successor", **asked)
    eventually(lambda: len(pipeline.read("order-status")) == 2 * count, within=60, every=0.5)
    assert len({each["order_id"] for each in pipeline.values("payments")}) == count
    assert len(pipeline.read("payments")) == count
    assert len(calls(ledger)) == count, "one charge for each order"
    assert set(calls(ledger)) == {1, 2}, "what was not committed was asked for again, under the same key"


def calls(ledger: Path) -> list[int]:
    """Return how often the gateway was called with each key."""
    with closing(sqlite3.connect(ledger, timeout=10)) as rows:
        try:
            return [row[0] for row in rows.execute("SELECT calls FROM calls")]
        except sqlite3.OperationalError:
            return []  # the table is made when the worker starts


def test_a_decline_may_be_retried_and_is_final_and_a_dead_letter_after_the_last_attempt(
    pipeline: Pipeline, orderflow: Command
) -> None:
    pipeline.start("payments", payment_success_rate=0, payment_retry_declined=True, worker_max_attempts=2)
    pipeline.produce("orders", [order(1)])
    eventually(lambda: statuses(pipeline, "o1") == ["DECLINED"], within=60)
    (letter,) = pipeline.read("failed-payments")
    assert headers_of(letter)["dlq.error.class"] == b"Declined"
    (payment,) = pipeline.values("payments")
    assert (payment["status"], payment["attempts"]) == ("FAILED", 2)

    assert orderflow("dlq", "replay", "--execute").exit_code == 0
    eventually(lambda: statuses(pipeline, "o1") == ["DECLINED"] * 2, within=20)
    pipeline.start("notifications")
    proof = orderflow(*verify(pipeline), "--wait", "60")
    assert proof.exit_code == 0, proof
    assert len(pipeline.read("payments")) == 1
    assert len(pipeline.read("failed-payments")) == 1
