"""Exactly once through kills, rebalances, restarts and freezes; read back from the whole log."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from support.brokers import RunningBroker
from support.eventually import eventually
from support.pipeline import Pipeline, ServiceProcess, handled_exactly_once, order, orders

from orderflow.streaming.clients import new_admin
from orderflow.streaming.watchdog import EXIT_CODE
from orderflow_local.kafka import Broker

pytestmark = pytest.mark.chaos


@pytest.fixture
def pipeline(broker: RunningBroker, namespace: str, pipelines: Callable[[str, str], Pipeline]) -> Pipeline:
    """A pipeline with as many partitions as in production, for workers to share."""
    made = pipelines(broker.bootstrap_servers, namespace)
    made.partitions = 12
    return made.create_topics()


@pytest.fixture
def own_pipeline(
    own_broker: Callable[[], Broker], namespace: str, pipelines: Callable[[str, str], Pipeline]
) -> tuple[Broker, Pipeline]:
    """A pipeline on a broker that only this test uses."""
    broker = own_broker()
    return broker, pipelines(broker.bootstrap_servers, namespace).create_topics()


@contextmanager
def steady_load(pipeline: Pipeline, *, per_second: int, backlog: int = 0) -> Iterator[Callable[[], int]]:
    """Produce orders in the background, a backlog of them at once; the yielded call ends that and returns how
    many were written."""
    ended, written = threading.Event(), backlog
    pipeline.produce("orders", orders(backlog))

    def produce() -> None:
        nonlocal written
        step = per_second // 10
        while not ended.wait(0.1):
            pipeline.produce("orders", orders(step, first=written))
            written += step

    def finish() -> int:
        ended.set()
        thread.join()
        return written

    thread = threading.Thread(target=produce)
    thread.start()
    try:
        yield finish
    finally:
        finish()


def written_but_not_committed(pipeline: Pipeline) -> int:
    """Return how many payments were written in a transaction that readers do not see (yet)."""
    return len(pipeline.read("payments", "read_uncommitted")) - len(pipeline.read("payments"))


def test_kill_9_in_mid_transaction_loses_and_doubles_nothing(pipeline: Pipeline) -> None:
    pipeline.produce("orders", orders(40_000))
    victim = pipeline.start("payments", "victim", worker_max_batch=4000)
    eventually(lambda: victim.metric("orderflow_batch_records_count") > 0, within=40)

    def frozen_in_mid_transaction() -> bool:
        victim.send(signal.SIGSTOP)
        if written_but_not_committed(pipeline):
            return True
        victim.send(signal.SIGCONT)
        return False

    eventually(frozen_in_mid_transaction, within=30, every=0.01)
    victim.kill()

    assert len(pipeline.read("payments")) < 40_000, "there was work left"
    pipeline.start("payments", "successor")
    eventually(lambda: handled_exactly_once(pipeline, 40_000), within=60, every=1)
    assert written_but_not_committed(pipeline) > 0, "the aborted payments lie in the log, unseen"


def test_workers_come_and_go_under_load(pipeline: Pipeline) -> None:
    with steady_load(pipeline, per_second=1000) as finish:
        first = pipeline.start("payments").wait_ready()
        others = [pipeline.start("payments").wait_ready() for _ in range(2)]
        eventually(lambda: all(worker.metric("orderflow_records_total") for worker in others), within=40)
        assert first.stop() == 0
        written = finish()

    eventually(lambda: handled_exactly_once(pipeline, written), within=60, every=1)
    assert all(worker.stop() == 0 for worker in others)
    assert written_but_not_committed(pipeline) == 0, "a graceful rebalance redoes nothing"


@pytest.mark.timeout(300)
def test_fifty_scale_downs_under_load_abort_nothing_and_double_nothing(pipeline: Pipeline) -> None:
    with steady_load(pipeline, per_second=300) as finish:
        pipeline.start("payments").wait_ready()
        for _ in range(10):
            leaving = [pipeline.start("payments") for _ in range(5)]
            for worker in leaving:
                worker.wait_ready()
            assert [worker.stop() for worker in leaving] == [0] * 5
        written = finish()

    eventually(lambda: handled_exactly_once(pipeline, written), within=60, every=1)
    assert written_but_not_committed(pipeline) == 0, "what was in flight was finished, never aborted"


def test_sigterm_under_load_leaves_nothing_to_redo(pipeline: Pipeline) -> None:
    pipeline.produce("orders", orders(30_000))
    worker = pipeline.start("payments", worker_max_batch=1000)
    eventually(lambda: worker.metric("orderflow_batch_records_count") > 2, within=40)

    assert worker.stop() == 0

    done = len(pipeline.read("payments"))
    assert 0 < done < 30_000, "it was stopped in the middle"
    pipeline.start("payments", "successor")
    eventually(lambda: handled_exactly_once(pipeline, 30_000), within=60, every=1)
    assert written_but_not_committed(pipeline) == 0


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_a_broker_restart_under_load_costs_nothing(own_pipeline: tuple[Broker, Pipeline], end: str) -> None:
    broker, pipeline = own_pipeline
    pipeline.produce("orders", orders(20_000))
    worker = pipeline.start("payments", worker_max_batch=500, transaction_timeout_seconds=3)
    eventually(lambda: worker.metric("orderflow_batch_records_count") > 1, within=40)

    getattr(broker, end)()
    broker.start()
    broker.wait_ready()

    eventually(lambda: handled_exactly_once(pipeline, 20_000), within=90, every=1)
    assert worker.process.poll() is None, "the same process went on"
    worker.wait_ready()


def handled_more_than(worker: ServiceProcess, seen: float) -> bool:
    return worker.metric("orderflow_records_total") > seen


def test_an_undecided_commit_is_settled_by_what_the_broker_says(
    own_pipeline: tuple[Broker, Pipeline],
) -> None:
    broker, pipeline = own_pipeline
    worker = pipeline.start("payments", worker_max_batch=20, transaction_timeout_seconds=1).wait_ready()
    # So many that it is never without a commit under way when the broker freezes.
    with steady_load(pipeline, per_second=100, backlog=8000) as finish:
        for _ in range(3):
            seen = worker.metric("orderflow_records_total")
            eventually(partial(handled_more_than, worker, seen), within=40)
            broker.pause()
            eventually(lambda: worker.get("/readyz")[0] == 503, within=40)
            broker.resume()
            worker.wait_ready()
        written = finish()

    eventually(lambda: handled_exactly_once(pipeline, written), within=60, every=1)
    assert worker.metric("orderflow_producer_rebuilds_total") >= 1
    assert worker.process.poll() is None


def test_a_hanging_client_call_ends_the_process(own_pipeline: tuple[Broker, Pipeline]) -> None:
    broker, pipeline = own_pipeline
    pipeline.produce("orders", orders(30_000))
    settings = {"worker_max_batch": 200, "transaction_timeout_seconds": 60, "watchdog_seconds": 3}
    worker = pipeline.start("payments", "restarted", **settings)
    eventually(lambda: worker.metric("orderflow_batch_records_count") > 0, within=40)

    broker.pause()
    assert worker.process.wait(60) == EXIT_CODE
    assert "no progress, giving up" in worker.log
    assert "committing.py" in worker.log, "the stacks show where it stood"

    broker.resume()
    # With the name of the one that ended, as a container that is started again: nobody waits for the timeout.
    pipeline.start("payments", "restarted")
    eventually(lambda: handled_exactly_once(pipeline, 30_000), within=90, every=1)


def test_a_frozen_worker_that_wakes_up_after_its_partitions_went_writes_nothing_twice(
    pipeline: Pipeline,
) -> None:
    pipeline.produce("orders", orders(20_000))
    zombie = pipeline.start("payments", "zombie", worker_max_batch=200)
    eventually(lambda: zombie.metric("orderflow_batch_records_count") > 0, within=40)
    zombie.send(signal.SIGSTOP)

    successor = pipeline.start("payments", "successor")
    eventually(lambda: handled_exactly_once(pipeline, 20_000), within=90, every=1)
    zombie.send(signal.SIGCONT)

    pipeline.produce("orders", orders(1000, first=20_000))
    eventually(lambda: handled_exactly_once(pipeline, 21_000), within=60, every=1)
    eventually(lambda: zombie.process.poll() is not None or zombie.get("/readyz")[0] == 200, within=60)
    assert successor.process.poll() is None
    assert handled_exactly_once(pipeline, 21_000)


def test_two_processes_with_one_name_do_not_fight_for_ever(pipeline: Pipeline) -> None:
    twins = [pipeline.start("payments", "twin").wait_ready() for _ in range(2)]
    with steady_load(pipeline, per_second=400):
        eventually(lambda: any(twin.process.poll() for twin in twins), within=60)
    (loser,) = (twin for twin in twins if twin.process.poll())

    assert loser.process.returncode == 1
    assert "another process works as INSTANCE_NAME=twin: give each its own" in loser.log
    assert "Traceback" not in loser.log


def test_missing_topics_are_named_and_waited_for(
    pipelines: Callable[[str, str], Pipeline], broker: RunningBroker, namespace: str
) -> None:
    pipeline = pipelines(broker.bootstrap_servers, namespace)
    worker = pipeline.start("payments")
    eventually(lambda: f"{namespace}failed-payments" in worker.get("/readyz")[1], within=40)
    assert worker.get("/readyz")[0] == 503
    assert worker.get("/livez")[0] == 200

    pipeline.create_topics()

    worker.wait_ready()


def test_a_worker_without_a_partition_is_ready_too(
    pipelines: Callable[[str, str], Pipeline], broker: RunningBroker, namespace: str
) -> None:
    pipeline = pipelines(broker.bootstrap_servers, namespace)
    pipeline.partitions = 1
    pipeline.create_topics()
    pipeline.start("payments").wait_ready()

    spare = pipeline.start("payments").wait_ready()

    eventually(lambda: "orderflow_assigned_partitions" in spare.get("/metrics")[1], within=20)


def test_the_classic_group_protocol_works_too(pipeline: Pipeline) -> None:
    workers = [pipeline.start("payments", kafka_group_protocol="classic") for _ in range(2)]
    with steady_load(pipeline, per_second=500) as finish:
        for worker in workers:
            worker.wait_ready()
        assert workers[0].stop() == 0
        written = finish()

    eventually(lambda: handled_exactly_once(pipeline, written), within=60, every=1)


def test_a_record_the_broker_refuses_is_found_and_costs_only_itself(pipeline: Pipeline) -> None:
    set_topic_limit(pipeline, "payments", 480)  # a payment takes some 360 bytes, one with a long id 610
    long_id = "x" * 128
    pipeline.produce(
        "orders", [*orders(3, users=1), order(3, order_id=long_id), *orders(3, users=1, first=4)]
    )
    worker = pipeline.start("payments", payment_success_rate=1)

    eventually(lambda: len(pipeline.read("payments")) == 6, within=60)

    (letter,) = pipeline.read("failed-orders")
    assert long_id in (letter.value() or b"").decode()
    assert worker.process.poll() is None
    statuses = {each["order_id"]: each["status"] for each in pipeline.values("order-status")}
    assert statuses.pop(long_id) == "REJECTED"
    assert set(statuses.values()) == {"PAID"}


def set_topic_limit(pipeline: Pipeline, topic: str, limit: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(limit), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, pipeline.prefix + topic, incremental_configs=[entry])
    admin = new_admin(pipeline.settings)
    for future in admin.incremental_alter_configs([resource]).values():
        future.result(20)


def test_a_dead_letter_too_large_for_its_topic_waits_for_room_and_loses_nothing(pipeline: Pipeline) -> None:
    # The broker's limit counts compressed bytes, so that a producer can write what no other topic takes.
    bomb = b'{"order_id": "' + b"x" * 3_000_000 + b'"}'
    pipeline.produce("orders", [("user-0", bomb), *orders(3, users=1)], compression="gzip")
    worker = pipeline.start("payments")

    def asks_for_room() -> bool:
        said = worker.get("/readyz")[1]
        return f"{pipeline.prefix}failed-orders to take the dead letter" in said and (
            "raise its max.message.bytes" in said
        )

    eventually(asks_for_room, within=40)

    set_topic_limit(pipeline, "failed-orders", 4_000_000)

    eventually(lambda: handled_exactly_once_of(pipeline, ["o0", "o1", "o2"]), within=40)
    (letter,) = pipeline.read("failed-orders")
    assert letter.value() == bomb
    worker.wait_ready()


def handled_exactly_once_of(pipeline: Pipeline, order_ids: list[str]) -> bool:
    return [each["order_id"] for each in pipeline.values("payments")] == order_ids
