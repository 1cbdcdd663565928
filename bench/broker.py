"""The broker that all contenders share: the project's own embedded Kafka, with room to breathe."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil
from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient, NewTopic

from bench.scene import Stage
from orderflow_local.kafka import Broker, obtain

HEAP = "2g"


@contextmanager
def own_broker() -> Iterator[Stage]:
    """Start a broker with data of its own; it and its data are gone afterwards."""
    distribution = obtain()
    with TemporaryDirectory(prefix="orderflow-bench-") as folder:
        # As Kafka's own scripts do; the serial collector of a small broker would stop 2 GiB at once.
        broker = Broker(
            distribution, Path(folder, "data"), Path(folder, "log"), heap=HEAP, jvm_options=("-XX:+UseG1GC",)
        )
        broker.start()
        try:
            broker.wait_ready()
            if broker.pid is None:
                raise RuntimeError("a broker that answers has a process id")
            stage = Stage(broker.bootstrap_servers, psutil.Process(broker.pid))
            _wake_coordinators(stage)
            yield stage
        finally:
            broker.stop()


def _wake_coordinators(stage: Stage) -> None:
    """Have the broker make its own topics for groups and transactions, so that nobody waits for them."""
    servers: dict[str, str | int | float | bool] = {"bootstrap.servers": stage.bootstrap_servers}
    admin = AdminClient(servers)
    admin.create_topics([NewTopic("wake", 1, 1)])["wake"].result(30)
    producer = Producer(servers | {"transactional.id": "wake"})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce("wake", b"")
    producer.commit_transaction(30)
    consumer = Consumer(
        servers | {"group.id": "wake", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe(["wake"])
    consumer.consume(1, 30)
    consumer.close()
    admin.delete_topics(["wake"])["wake"].result(30)
