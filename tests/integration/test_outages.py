"""Outages of one thing each: a disk, a topic, a right, the broker for a long time.

Each is told where one looks first (readiness, log, the answer to a POST), costs no order, and is over once
its cause is: the processes that were there before go on.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psutil
import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from support.brokers import embedded
from support.eventually import eventually
from support.orders_service import Clients, OrderService
from support.pipeline import Pipeline, ServiceProcess, handled_exactly_once, order, orders
from support.scram_broker import ScramBroker
from support.small_disk import SmallDisk, mounted
from support.tables import same_as_log, sqlite_in

from orderflow.streaming.clients import new_admin
from orderflow_local.kafka import Broker, Distribution

pytestmark = pytest.mark.chaos

Pipelines = Callable[[str, str], Pipeline]

SHORT = {"user_id": "u1", "item": "tea", "quantity": 1}
PASSWORD = "a-password-of-these-tests"
IN_A_HURRY: dict[str, Any] = {"transaction_timeout_seconds": 2}

# The outage that is promised to be survived lasts 600 s. In less time every wait of ours and of the client
# comes round several times too: 2 s for a producer, 1 s between connections, 10 s between looks at topics.
OUTAGE_SECONDS = float(os.environ.get("ORDERFLOW_TEST_OUTAGE_SECONDS", "16"))
MOST_GROWTH = 4 << 20  # bytes, whatever the length


@dataclass(frozen=True)
class Flow:
    """Clients that place orders all the time, the service that takes them, the worker that charges them."""

    pipeline: Pipeline
    api: OrderService
    clients: Clients
    worker: ServiceProcess

    def goes_on(self) -> None:
        """Return once more orders were accepted, and more paid."""
        accepted, handled = len(self.clients.accepted), self.handled
        eventually(lambda: len(self.clients.accepted) >= accepted + 30, within=60)
        eventually(lambda: self.handled >= handled + 30, within=60)

    @property
    def handled(self) -> float:
        return self.worker.metric("orderflow_records_total")

    @property
    def waits_for(self) -> tuple[str, str]:
        """What the service and the worker are not ready without; empty where one is ready."""
        answers = [each.get("/readyz") for each in (self.api.process, self.worker)]
        first, second = (body if status == 503 else "" for status, body in answers)
        return first, second

    def wait_for_kafka(self) -> None:
        """Return once both say that Kafka is what they wait for; both are alive."""
        eventually(lambda: all("waits for Kafka" in said for said in self.waits_for), within=60)
        assert all(each.get("/livez")[0] == 200 for each in (self.api.process, self.worker))

    def is_refused(self) -> bool:
        """Tell whether an order is refused as one that may come again."""
        answer = self.api.place(SHORT)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        return bool(answer.json()["outcome"] == "rejected")


@contextmanager
def flowing(pipeline: Pipeline, **login: str) -> Iterator[Flow]:
    """Let orders flow, 80 a second; in the end every accepted one is in the log and has its one payment."""
    api = OrderService(pipeline, "api", api_deadline_seconds=2, **IN_A_HURRY, **login)
    worker = pipeline.start("payments", "payments", **IN_A_HURRY, **login)
    api.wait_ready()
    worker.wait_ready()
    with Clients(api, connections=4, pause=0.04) as clients:
        flow = Flow(pipeline, api, clients, worker)
        flow.goes_on()
        yield flow
        flow.goes_on()
    assert set(clients.answers) == {202, 503}
    in_log = {each["order_id"] for each in pipeline.values("orders")}
    assert set(clients.accepted) <= in_log
    eventually(lambda: handled_exactly_once(pipeline, len(in_log)), within=60, every=1)
    assert flow.waits_for == ("", "")
    for each in (api.process, worker):
        assert each.process.poll() is None, each.log


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    """A disk that can be filled."""
    with mounted(tmp_path / "data", megabytes=64) as disk:
        yield disk


def test_a_full_disk_at_the_broker_costs_no_order_and_once_there_is_room_all_goes_on(
    disk: SmallDisk, kafka_distribution: Distribution, namespace: str, pipelines: Pipelines
) -> None:
    broker = embedded(kafka_distribution, disk.folder.parent)
    try:
        broker.start()
        broker.wait_ready()
        with flowing(pipelines(broker.bootstrap_servers, namespace).create_topics()) as flow:
            disk.fill()
            # Kafka ends itself: it has no other place for its data.
            eventually(lambda: not broker.is_running, within=60)
            flow.wait_for_kafka()
            assert flow.is_refused()
            disk.make_room()
            broker.start()
            broker.wait_ready()
    finally:
        broker.stop()


def test_a_dead_letter_topic_that_is_gone_is_named_and_waited_for_and_costs_no_record(
    pipeline: Pipeline,
) -> None:
    worker = pipeline.start("payments", **IN_A_HURRY).wait_ready()
    pipeline.produce("orders", orders(50))
    eventually(lambda: handled_exactly_once(pipeline, 50), within=40)
    gone = pipeline.prefix + "failed-orders"
    admin = new_admin(pipeline.settings)
    admin.delete_topics([gone])[gone].result(20)

    poison = order(50, order_id="poison", user_id="nobody", amount=-1)
    pipeline.produce("orders", [*orders(25, first=50), poison, *orders(25, first=75)])
    named = f"waits for topics that do not exist: {gone}"
    eventually(lambda: named in worker.get("/readyz")[1], within=40)
    assert worker.get("/readyz")[0] == 503
    assert worker.get("/livez")[0] == 200
    assert named.removeprefix("waits for ") in worker.log

    pipeline.create_topics()
    eventually(lambda: handled_exactly_once(pipeline, 100), within=40)
    (letter,) = pipeline.read("failed-orders")
    assert (letter.key(), letter.value()) == (b"nobody", poison[1])
    worker.wait_ready()
    assert worker.process.poll() is None


def says(process: ServiceProcess, what: str) -> bool:
    """Tell whether a process waits for that, and is not ready."""
    status, body = process.get("/readyz")
    return status == 503 and what in body


def test_a_right_that_is_taken_away_is_named_and_once_given_back_all_goes_on(
    scram_broker: ScramBroker, namespace: str, pipelines: Pipelines
) -> None:
    pipeline = pipelines(scram_broker.bootstrap_servers, namespace).create_topics()
    read, write = AclOperation.READ, AclOperation.WRITE
    topic, group, transactions = ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID
    names = {
        name: namespace + name
        for name in ("orders", "order-status", "payments", "failed-orders", "failed-payments")
    }
    worker_id, group_id = "payment-service-payments", pipeline.group("payments")
    given = [(topic, name, write) for name in names.values()]
    given += [(topic, names["orders"], read), (topic, names["payments"], read), (group, group_id, read)]
    given += [
        (transactions, name, write) for name in ("order-service-api-0", "order-service-api-0-1", worker_id)
    ]
    for right in given:
        scram_broker.allow("orderflow", *right)
    scram_broker.set_password("orderflow", PASSWORD)
    login = {
        "kafka_bootstrap_servers": scram_broker.scram_servers,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_username": "orderflow",
        "kafka_sasl_password": PASSWORD,
    }
    with flowing(pipeline, **login) as flow:
        taken = [
            (topic, names["payments"], write, flow.worker, "Write on topic"),
            (topic, names["orders"], read, flow.worker, "Read on topic"),
            (group, group_id, read, flow.worker, "Read on group"),
            (transactions, worker_id, write, flow.worker, "Write on transactional id"),
            (topic, names["orders"], write, flow.api.process, "Write on topic"),
        ]
        for kind, name, operation, process, said in taken:
            scram_broker.forbid("orderflow", kind, name, operation)
            said_in_full = f"waits for ACLs that allow this login {said} {name}"
            eventually(partial(says, process, said_in_full), within=30)
            if kind is group:
                # Not before then does the client give up, for good, a consumer that the group refuses.
                eventually(lambda: "this consumer is no more" in flow.worker.log, within=30)
            if process is flow.api.process:
                assert flow.is_refused()
            scram_broker.allow("orderflow", kind, name, operation)
            flow.goes_on()
            process.wait_ready()


@pytest.mark.timeout(OUTAGE_SECONDS + 180)
def test_a_long_outage_costs_no_memory_and_no_order_and_ends_by_itself(
    own_broker: Callable[[], Broker], namespace: str, pipelines: Pipelines, tmp_path: Path
) -> None:
    broker, tables = own_broker(), sqlite_in(tmp_path)
    pipeline = pipelines(broker.bootstrap_servers, namespace).create_topics()
    analytics = pipeline.start("analytics", database_url=tables).wait_ready()
    with flowing(pipeline) as flow:
        flow.pipeline.produce("orders", orders(5000))
        # Half of the time nobody answers, half of it nobody is there.
        began = time.monotonic()
        broker.pause()
        flow.wait_for_kafka()
        eventually(lambda: "waits for Kafka" in analytics.get("/readyz")[1], within=30)
        sizes = watch(flow, analytics, began + OUTAGE_SECONDS / 2)
        broker.kill()
        sizes += watch(flow, analytics, began + OUTAGE_SECONDS)
        broker.start()
        broker.wait_ready()
    same_as_log(pipeline, tables)
    for of_one in zip(*sizes, strict=True):
        assert max(of_one) - of_one[0] < MOST_GROWTH, [size >> 10 for size in of_one]


def watch(flow: Flow, analytics: ServiceProcess, until: float) -> list[tuple[int, ...]]:
    """Return how much memory the service and the workers have, in bytes, again and again for a time."""
    watched = flow.api.process, flow.worker, analytics
    processes = [psutil.Process(each.process.pid) for each in watched]
    seen = list[tuple[int, ...]]()
    while time.monotonic() < until:
        assert flow.is_refused()
        seen.append(tuple(each.memory_info().rss for each in processes))
        time.sleep(1)
    return seen
