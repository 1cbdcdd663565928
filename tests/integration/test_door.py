"""What was settled before is read from the log by whoever comes next, and nothing is left out unnoticed."""

import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier

import msgspec
import pytest
from confluent_kafka import Producer
from support.builders import an_order
from support.eventually import eventually
from support.pipeline import Pipeline

from orderflow.events import Order, Payment, encode
from orderflow.payments.door import Door
from orderflow.payments.settings import PaymentSettings
from orderflow.payments.window import ORDER_DIGEST, PAID, OrderIdConflict, Verdict, digest_of
from orderflow.streaming.service import NotAttempted
from orderflow.streaming.tail import TailReader
from orderflow_local.net import free_port

PARTITIONS = 4
ALL = frozenset(range(PARTITIONS))
NONE = frozenset[int]()


@pytest.fixture
def pipeline(pipelines: Callable[[str, str], Pipeline], broker: object, namespace: str) -> Pipeline:
    made = pipelines(broker.bootstrap_servers, namespace)  # type: ignore[attr-defined]
    made.partitions = PARTITIONS
    return made.create_topics()


def a_door(pipeline: Pipeline, size: int = 1000, *, timeout: float = 5, servers: str = "") -> Door:
    settings = PaymentSettings(
        kafka_bootstrap_servers=servers or pipeline.bootstrap_servers,
        topic_prefix=pipeline.prefix,
        kafka_group_id=pipeline.group("payments"),
        instance_name="door",
    )
    return Door(size, lambda: TailReader(settings, timeout=timeout))


def find(door: Door, order: Order) -> Verdict | None:
    return door.find(order, digest_of(order))


class Payments:
    """A worker's producer: payments in transactions."""

    def __init__(self, pipeline: Pipeline) -> None:
        self._topic = pipeline.prefix + "payments"
        self.producer = Producer(
            {
                "bootstrap.servers": pipeline.bootstrap_servers,
                "transactional.id": f"{pipeline.prefix}payments",
                "partitioner": "murmur2_random",
                "transaction.timeout.ms": 60_000,
            }
        )
        self.producer.init_transactions(20)

    def write(self, orders: Iterable[Order], declined: str | None = None) -> None:
        """Write payments and leave their transaction open."""
        self.producer.begin_transaction()
        for order in orders:
            status = "SUCCESS" if declined is None else "FAILED"
            payment = Payment(order.order_id, order.user_id, order.amount, status, "PAY-1", 1, declined)  # type: ignore[arg-type]
            headers: list[tuple[str, str | bytes | None]] = [(ORDER_DIGEST, b"%08x" % digest_of(order))]
            self.producer.produce(self._topic, encode(payment), order.user_id, headers=headers)
        self.producer.flush(20)

    def commit(self, orders: Iterable[Order], declined: str | None = None) -> None:
        self.write(orders, declined)
        self.producer.commit_transaction(20)

    def close(self) -> None:
        self.producer.close()


def test_what_was_settled_before_is_known_and_nothing_else(pipeline: Pipeline) -> None:
    paid, declined, aborted = (an_order(f"o{n}", f"user-{n}") for n in range(3))
    payments = Payments(pipeline)
    payments.commit([paid])
    payments.commit([declined], "no money")
    payments.write([aborted])
    payments.producer.abort_transaction(20)
    payments.close()
    door = a_door(pipeline)
    door.reassigned(ALL, ALL)

    assert find(door, paid) == PAID
    assert find(door, declined) == Verdict("DECLINED", "no money")
    assert find(door, aborted) is None
    with pytest.raises(OrderIdConflict):
        find(door, msgspec.structs.replace(paid, items=7))
    with pytest.raises(OrderIdConflict):
        find(door, msgspec.structs.replace(paid, user_id="user-7"))


def test_the_window_holds_the_newest_of_a_partition_also_where_each_had_its_own_transaction(
    pipeline: Pipeline,
) -> None:
    orders = [an_order(f"o{n}") for n in range(30)]
    payments = Payments(pipeline)
    for order in orders:
        payments.commit([order])
    payments.close()
    door = a_door(pipeline, size=20)
    door.reassigned(ALL, ALL)

    assert [find(door, order) for order in orders] == [None] * 10 + [PAID] * 20


def test_what_others_settled_meanwhile_is_known_once_the_partition_is_back(pipeline: Pipeline) -> None:
    first, second = an_order("o1"), an_order("o2")
    door = a_door(pipeline)
    door.reassigned(ALL, ALL)
    assert find(door, first) is None
    payments = Payments(pipeline)
    payments.commit([first, second])
    payments.close()
    assert find(door, first) is None, "nobody else writes to a partition that is ours"

    door.reassigned(NONE, NONE)
    door.reassigned(ALL, ALL)
    assert (find(door, first), find(door, second)) == (PAID, PAID)


def test_an_order_behind_an_open_transaction_is_known_once_that_is_decided(pipeline: Pipeline) -> None:
    before, behind = an_order("o1"), an_order("o2")
    payments = Payments(pipeline)
    payments.commit([before])
    payments.write([behind])
    door = a_door(pipeline)
    door.reassigned(ALL, ALL)

    started = time.monotonic()
    assert find(door, before) == PAID
    assert 0.9 < time.monotonic() - started < 4, "it waits a second for the end to show up, and no longer"
    assert find(door, behind) is None

    payments.producer.commit_transaction(20)
    eventually(lambda: find(door, behind) == PAID, within=5)
    payments.close()


def test_a_partition_whose_last_owner_may_not_be_done_is_not_relied_on(pipeline: Pipeline) -> None:
    order, door = an_order(), a_door(pipeline)
    door.reassigned(NONE, ALL)
    assert find(door, order) is None
    payments = Payments(pipeline)
    payments.commit([order])
    payments.close()
    door.reassigned(ALL, ALL)
    assert find(door, order) == PAID


def test_a_partition_of_another_worker_is_read_on_as_that_one_goes_on(pipeline: Pipeline) -> None:
    orders = [an_order(f"o{n}") for n in range(3)]
    door = a_door(pipeline)
    door.reassigned(NONE, NONE)
    payments = Payments(pipeline)
    for order in orders:
        payments.commit([order])
        eventually(partial(find, door, order), within=5)
    payments.close()


def test_what_is_settled_now_is_known_at_once_and_forgotten_if_it_was_refused(pipeline: Pipeline) -> None:
    order, door = an_order(), a_door(pipeline)
    door.reassigned(ALL, ALL)
    assert find(door, order) is None
    door.settle(order, digest_of(order), "no money")
    assert find(door, order) == Verdict("DECLINED", "no money")
    assert door.knows("o1", "u1")
    door.forget("o1")
    assert find(door, order) is None
    assert not door.knows("o1", None)


def test_a_partition_that_comes_back_leaves_nothing_known_that_was_not_committed(pipeline: Pipeline) -> None:
    order, door = an_order(), a_door(pipeline)
    door.reassigned(ALL, ALL)
    for number in ALL:
        assert find(door, order) is None
        door.settle(order, digest_of(order), None)
        door.reassigned(frozenset({number}), ALL)
        assert find(door, order) is None, f"it may have come from partition {number} of orders, without a key"


def test_no_order_is_handled_while_kafka_does_not_tell_what_was_settled(pipeline: Pipeline) -> None:
    door = a_door(pipeline, timeout=0.3, servers=f"127.0.0.1:{free_port()}")
    door.reassigned(ALL, ALL)
    for _ in range(2):
        with pytest.raises(NotAttempted, match="cannot read what was paid last"):
            find(door, an_order())


def test_orders_that_are_settled_side_by_side_are_all_known_afterwards(pipeline: Pipeline) -> None:
    threads, rounds, each = 8, 8, 150
    door, together = a_door(pipeline, size=500), Barrier(threads)
    door.reassigned(ALL, ALL)

    def settle(thread: int) -> list[Order]:
        orders = list[Order]()
        for number in range(rounds):
            together.wait(30)
            orders = [
                an_order(order_id=f"o{thread}-{number}-{n}", user_id=f"u{thread}-{n % 64}")
                for n in range(each)
            ]
            for order in orders:
                assert find(door, order) is None
                door.settle(order, digest_of(order), None)
        return orders

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(threads) as pool:
            last = [order for orders in pool.map(settle, range(threads)) for order in orders]
    finally:
        sys.setswitchinterval(interval)
    assert len(door) == 500 * PARTITIONS
    assert [find(door, order) for order in last] == [PAID] * len(last)
