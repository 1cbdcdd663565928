"""Attempts that fail: a user's orders wait in order, everybody else goes on, and nothing is done twice."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from confluent_kafka import Consumer, TopicPartition
from support.eventually import eventually
from support.pipeline import (
    FATAL_WORKER,
    Pipeline,
    ServiceProcess,
    handled_exactly_once,
    headers_of,
    order,
    orders,
)

from orderflow.events import Order
from orderflow.payments.gateway import SimulatedGateway, idempotency_key
from orderflow.streaming.service import TransientError
from orderflow_lag.committed import Committed
from orderflow_lag.observation import Subscription
from orderflow_lag.read import LagReader
from orderflow_lag.truth import group_lag

pytestmark = pytest.mark.chaos

ERROR_RATE = 0.3


def unanswered(order_id: str, user_id: str, attempt: int) -> bool:
    """Return whether the simulated gateway leaves this attempt at an order unanswered."""
    placed = Order(order_id, user_id, Decimal("10.50"), 2, datetime.now(UTC))
    try:
        gateway = SimulatedGateway(success_rate=1, error_rate=ERROR_RATE)
        gateway.charge(placed, idempotency_key(placed), attempt)
    except TransientError:
        return True
    return False


def orders_of(user: int, *, unanswered_attempts: int) -> Iterator[tuple[str, bytes]]:
    """Yield orders of a user of which exactly so many first attempts are not answered."""
    for number in itertools.count():
        attempts = range(1, unanswered_attempts + 2)
        name = f"{user}-{number}"
        answers = [unanswered(name, f"user-{user}", attempt) for attempt in attempts]
        if answers == [True] * unanswered_attempts + [False]:
            yield order(number, user, order_id=name)


def take(count: int, orders: Iterator[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return list(itertools.islice(orders, count))


def committed(pipeline: Pipeline, partition: int) -> Committed:
    """Return what the payment workers' group has committed of a partition of orders."""
    config = {"bootstrap.servers": pipeline.bootstrap_servers, "group.id": pipeline.group("payments")}
    consumer = Consumer(config)
    try:
        (at,) = consumer.committed([TopicPartition(f"{pipeline.prefix}orders", partition)], timeout=10)
    finally:
        consumer.close()
    return Committed.read(at.offset, at.metadata)


def lag(pipeline: Pipeline) -> int | None:
    """Return the payment workers' lag in records."""
    group = Subscription(pipeline.group("payments"), frozenset({f"{pipeline.prefix}orders"}))
    with LagReader({"bootstrap.servers": pipeline.bootstrap_servers}) as reader:
        return group_lag(reader.read([group]), group).total


def counted(pipeline: Pipeline, partition: int, attempts: int) -> bool:
    return committed(pipeline, partition).attempts == attempts


def failed_once(worker: ServiceProcess) -> bool:
    return "attempt failed" in worker.log


def handled_more_than(worker: ServiceProcess, records: int) -> bool:
    return worker.metric("orderflow_records_total") > records


def paid(pipeline: Pipeline) -> list[str]:
    return [payment["order_id"] for payment in pipeline.values("payments")]


def test_through_kills_and_rebalances_retried_orders_are_paid_once_and_in_order(pipeline: Pipeline) -> None:
    settings: dict[str, Any] = {
        "payment_error_rate": ERROR_RATE,
        "worker_max_attempts": 100,
        "worker_retry_seconds": 0.05,
        "worker_max_batch": 40,
    }
    pipeline.produce("orders", orders(8000, users=200))
    for life in range(2):
        victim = pipeline.start("payments", f"victim-{life}", **settings)
        eventually(partial(handled_more_than, victim, 400), within=40, every=0.05)
        victim.kill()
    assert len(pipeline.read("payments")) < 8000, "there was work left"

    survivors = [pipeline.start("payments", f"survivor-{n}", **settings) for n in range(2)]

    eventually(lambda: handled_exactly_once(pipeline, 8000), within=90, every=1)
    assert [each.stop() for each in survivors] == [0, 0]
    assert lag(pipeline) == 0


def test_a_users_orders_wait_behind_one_that_is_retried_and_nobody_elses(pipeline: Pipeline) -> None:
    (waits,) = take(1, orders_of(1, unanswered_attempts=1))
    (behind,) = take(1, orders_of(1, unanswered_attempts=0))
    others = [each for user in range(2, 30) for each in take(2, orders_of(user, unanswered_attempts=0))]
    pipeline.produce("orders", [waits, behind, *others])
    (first,) = [record for record in pipeline.read("orders") if record.value() == waits[1]]
    settings: dict[str, Any] = {"payment_error_rate": ERROR_RATE, "payment_success_rate": 1}
    worker = pipeline.start("payments", worker_retry_seconds=60, **settings)
    eventually(lambda: len(paid(pipeline)) == len(others), within=40, every=0.5)

    at = committed(pipeline, first.partition() or 0)
    assert (at.offset, at.attempts) == (first.offset(), 1)
    assert at.ahead, "others of its partition are finished, and noted"
    assert lag(pipeline) == 2
    assert len(pipeline.read("payments", "read_uncommitted")) == len(others), "no transaction is open"
    worker.kill()

    pipeline.start("payments", **settings)

    eventually(lambda: handled_exactly_once(pipeline, len(others) + 2), within=40, every=0.5)
    attempts = {payment["order_id"]: payment["attempts"] for payment in pipeline.values("payments")}
    assert attempts.pop(order_id(waits)) == 2, "the count outlived the worker"
    assert set(attempts.values()) == {1}


def order_id(placed: tuple[str, bytes]) -> str:
    found = json.loads(placed[1])["order_id"]
    assert isinstance(found, str)
    return found


def test_a_crash_loop_does_not_retry_for_ever(pipeline: Pipeline) -> None:
    (never,) = take(1, orders_of(1, unanswered_attempts=3))
    (behind,) = take(1, orders_of(1, unanswered_attempts=0))
    pipeline.produce("orders", [never, behind])
    (first,) = [record for record in pipeline.read("orders") if record.value() == never[1]]
    settings: dict[str, Any] = {"payment_error_rate": ERROR_RATE, "worker_retry_seconds": 60}
    for attempts in (1, 2):
        worker = pipeline.start("payments", **settings)
        eventually(partial(failed_once, worker), within=40)
        eventually(partial(counted, pipeline, first.partition() or 0, attempts), within=20)
        worker.kill()

    pipeline.start("payments", **settings)

    eventually(lambda: len(paid(pipeline)) == 1, within=40, every=0.5)
    (letter,) = pipeline.read("failed-payments")
    assert letter.value() == never[1]
    assert headers_of(letter)["dlq.attempts"] == b"3"
    statuses = {each["order_id"]: each["status"] for each in pipeline.values("order-status")}
    assert statuses[order_id(never)] == "FAILED"


def ended_or_through(worker: ServiceProcess, pipeline: Pipeline, expected: int) -> bool:
    return worker.process.poll() is not None or len(paid(pipeline)) == expected


def test_a_record_that_ends_its_process_becomes_a_dead_letter_and_costs_nothing_else(
    pipeline: Pipeline,
) -> None:
    placed = orders(2500)
    fatal = order(0, 7, order_id="fatal-1")
    pipeline.produce("orders", [*placed[:900], fatal, *placed[900:]])
    settings: dict[str, Any] = {"worker_max_batch": 1000}
    for life in range(8):
        worker = pipeline.start_from(FATAL_WORKER, [], "payments", f"life-{life}", **settings)
        eventually(partial(ended_or_through, worker, pipeline, 2500), within=60, every=0.5)
        if worker.process.poll() is None:
            break

    assert len(paid(pipeline)) == 2500
    (letter,) = pipeline.read("failed-orders")
    assert (letter.value(), headers_of(letter)["dlq.error.class"]) == (fatal[1], b"ProcessEnded")
    assert worker.stop() == 0
    assert lag(pipeline) == 0


def test_a_worker_that_makes_dead_letters_of_everything_stops_and_goes_on_when_that_is_over(
    pipeline: Pipeline,
) -> None:
    pipeline.produce("orders", [("user-0", b"not an order")] * 265)
    pipeline.produce("orders", orders(100, users=1))
    worker = pipeline.start("payments")
    eventually(
        lambda: "more than 50% of the last ones became dead letters" in worker.get("/readyz")[1], within=40
    )
    assert worker.get("/livez")[0] == 200
    eventually(lambda: "tried in 3 s" in worker.get("/readyz")[1], within=10)
    left = 365 - len(pipeline.read("failed-orders"))
    assert left > 100
    assert lag(pipeline) == left, "what it has read and not handled is not committed, however long it idles"

    eventually(lambda: len(paid(pipeline)) == 100, within=30, every=0.5)

    assert len(pipeline.read("failed-orders")) == 265
    worker.wait_ready()
    assert worker.metric("orderflow_poison_stops_total") == 1
