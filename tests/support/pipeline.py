"""A pipeline of one test: its own topics and groups on a broker, services as real processes."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    OffsetSpec,
    ResourceType,
)
from support.endpoint import Probed
from support.eventually import eventually
from support.forked import Forked, Origin

from orderflow.streaming.admin import create_topics, existing_topics, pipeline_topics
from orderflow.streaming.clients import new_admin
from orderflow.streaming.settings import KafkaSettings
from orderflow_local.net import free_port

ORDERFLOW = Origin("orderflow.cli.main:main", "orderflow.orders.run")
FATAL_WORKER = Origin(
    "support.fatal_worker:main", environment={"PYTHONPATH": str(Path(__file__).parent.parent)}
)
READY_WITHIN = 60.0
SESSION_SECONDS = 6  # the least that our brokers allow; their default is 10


@dataclass
class ServiceProcess(Probed):
    """One service as it runs anywhere: a process with a health port and a log."""

    process: Forked
    port: int
    log_file: Path

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def wait_ready(self, within: float = READY_WITHIN) -> ServiceProcess:
        def ready() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log}"
            return self.get("/readyz")[0] == 200

        eventually(ready, within=within)
        return self

    def send(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.process.wait()

    def stop(self, within: float = 30) -> int:
        """Ask it to end and return its exit code."""
        self.send(signal.SIGTERM)
        return self.process.wait(within)


@dataclass
class Pipeline:
    """Topics with a prefix of their own, and the processes that work on them."""

    bootstrap_servers: str
    prefix: str
    folder: Path
    partitions: int = 4  # each costs a broker, and every worker that gets it, some milliseconds
    processes: list[ServiceProcess] = field(default_factory=list)

    @property
    def settings(self) -> KafkaSettings:
        return KafkaSettings(
            kafka_bootstrap_servers=self.bootstrap_servers,
            topic_prefix=self.prefix,
            partitions=self.partitions,
            instance_name="test",
        )

    def create_topics(self) -> Pipeline:
        create_topics(self.settings)
        wanted = {spec.name for spec in pipeline_topics(self.settings)}
        admin = new_admin(self.settings)
        eventually(lambda: wanted <= existing_topics(admin).keys(), within=20)
        self._shorten_sessions(admin)
        return self

    def _shorten_sessions(self, admin: AdminClient) -> None:
        """Let the groups give a silent worker's partitions away as soon as the broker allows."""
        name, value = "consumer.session.timeout.ms", str(SESSION_SECONDS * 1000)
        entry = ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
        groups = [
            ConfigResource(ResourceType.GROUP, self.group(service), incremental_configs=[entry])
            for service in ("payments", "notifications", "analytics")
        ]
        for future in admin.incremental_alter_configs(groups).values():
            future.result(20)

    def group(self, service: str) -> str:
        own = service if service == "analytics" else f"{service.removesuffix('s')}-service"
        return f"{own}-{self.prefix.rstrip('.')}"

    def start(self, service: str, name: str = "", **settings: object) -> ServiceProcess:
        """Start `orderflow run SERVICE` and return at once."""
        return self.start_from(ORDERFLOW, ["run", service], service, name, **settings)

    def start_from(
        self, origin: Origin, arguments: Sequence[str], service: str, name: str = "", **settings: object
    ) -> ServiceProcess:
        """Start another process in the place of a service and return at once."""
        port, name = free_port(), name or f"{service}-{len(self.processes)}"
        environment = os.environ | {
            "KAFKA_BOOTSTRAP_SERVERS": self.bootstrap_servers,
            "KAFKA_GROUP_ID": self.group(service),
            "TOPIC_PREFIX": self.prefix,
            "INSTANCE_NAME": name,
            "HEALTH_PORT": str(port),
            **{key.upper(): str(value) for key, value in settings.items()},
        }
        log_file = self.folder / f"{name}-{len(self.processes)}.log"
        process = origin.start(arguments, environment=environment, folder=self.folder, log=log_file)
        started = ServiceProcess(process, port, log_file)
        self.processes.append(started)
        return started

    def close(self) -> None:
        """End every process of this test."""
        for each in self.processes:
            with suppress(ProcessLookupError):
                each.send(signal.SIGCONT)
            each.process.kill()
            each.process.wait()

    def produce(
        self,
        topic: str,
        records: Iterable[tuple[str | bytes | None, bytes]],
        headers: Sequence[tuple[str, bytes]] = (),
        compression: str = "none",
    ) -> None:
        """Write records as a foreign producer does: no headers of ours; Java's partitioner."""
        producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "partitioner": "murmur2_random",
                "compression.type": compression,
                # A broker that restarts or freezes must not make two records of one.
                "enable.idempotence": True,
                "linger.ms": 5,
                "message.max.bytes": 10_000_000,
            }
        )
        for key, value in records:
            producer.produce(self.prefix + topic, value, key, headers=list(headers))
            producer.poll(0)
        assert producer.flush(30) == 0

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """Return every record of a topic up to its present end."""
        return read_topic(self.bootstrap_servers, self.prefix + topic, isolation)

    def end(self, topic: str) -> int:
        """Return how many offsets a topic has: records, also uncommitted ones, and the markers of commits."""
        admin, name = new_admin(self.settings), self.prefix + topic
        numbers = admin.list_topics(name, timeout=20).topics[name].partitions
        latest = OffsetSpec.latest()  # type: ignore[no-untyped-call]
        wanted = {TopicPartition(name, number): latest for number in numbers}
        found = admin.list_offsets(wanted, request_timeout=20)
        return sum(future.result(30).offset for future in found.values())

    def values(self, topic: str) -> list[Any]:
        return [json.loads(record.value() or b"null") for record in self.read(topic)]


def order(number: int, user: int = 0, **changes: object) -> tuple[str, bytes]:
    """Return key and value of an order record."""
    fields = {"order_id": f"o{number}", "user_id": f"user-{user}", "amount": 10.5, "items": 2} | changes
    return str(fields["user_id"]), json.dumps(fields).encode()


def orders(count: int, users: int = 50, first: int = 0) -> list[tuple[str, bytes]]:
    """Return many orders of some users, in turn."""
    return [order(number, number % users) for number in range(first, first + count)]


def read_topic(bootstrap_servers: str, topic: str, isolation: str = "read_committed") -> list[Message]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"reader-{uuid4()}",
            "isolation.level": isolation,
            "enable.partition.eof": True,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        count = len(consumer.list_topics(topic, timeout=20).topics[topic].partitions)
        consumer.assign([TopicPartition(topic, number, 0) for number in range(count)])
        records, unfinished = list[Message](), set(range(count))
        silent = 0
        while unfinished:
            batch: Sequence[Message] = consumer.consume(1000, 0.15)
            silent = 0 if batch else silent + 1
            assert silent < 200, f"{topic} does not end; partitions left: {sorted(unfinished)}"
            for record in batch:
                error = record.error()
                if error is None:
                    records.append(record)
                elif error.code() == KafkaError._PARTITION_EOF:
                    unfinished.discard(record.partition() or 0)
        return records
    finally:
        consumer.close()


def headers_of(record: Message) -> dict[str, bytes]:
    """Return a record's headers by name."""
    found: Any = record.headers() or []
    return dict(found)


def sequences(records: Iterable[Message]) -> dict[str, list[str]]:
    """Return each user's order ids in the order of the log."""
    found: dict[str, list[str]] = {}
    for record in records:
        value = json.loads(record.value() or b"null")
        found.setdefault(value["user_id"], []).append(value["order_id"])
    return found


def handled_exactly_once(pipeline: Pipeline, expected: int) -> bool:
    """Tell whether every order has its one payment, each user's in the order of the orders.

    A payment too many or out of order fails at once: waiting would not mend it. Nothing is read before there
    can be as many payments as orders: reading took more of the machine than what is tested.
    """
    try:
        if pipeline.end("payments") < expected:
            return False
    except KafkaException as error:
        # A broker that was killed and is back tells clients its next epoch before it leads in it.
        if error.args[0].code() == KafkaError.UNKNOWN_LEADER_EPOCH:
            return False
        raise
    payments = sequences(pipeline.read("payments"))
    placed = sequences(pipeline.read("orders"))
    for user, order_ids in payments.items():
        assert_prefix(order_ids, placed.get(user, []), user)
    return sum(map(len, payments.values())) == expected


class NotExactlyOnce(Exception):
    """Not an AssertionError, so that no wait tries again."""


def assert_prefix(done: list[str], placed: list[str], user: str) -> None:
    if done != placed[: len(done)]:
        raise NotExactlyOnce(f"{user}: payments {done[:50]} of orders {placed[:50]}")
