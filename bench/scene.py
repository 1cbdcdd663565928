"""What one run happens on: a broker and topics of its own, gone again afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psutil
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

from bench.load import new_prefix, preload
from orderflow.events.topics import ORDERS, topic_specs


@dataclass(frozen=True, slots=True)
class Stage:
    """A running broker."""

    bootstrap_servers: str
    broker: psutil.Process


class Scene:
    """Fresh topics on a stage, and the group that reads them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.prefix = new_prefix()
        # The service takes a group of its own name only.
        self.group = f"payment-service-{self.prefix[:-1]}"
        self._admin = AdminClient({"bootstrap.servers": stage.bootstrap_servers})

    def topic(self, name: str) -> str:
        return self.prefix + name

    def environment(self, instance: str) -> dict[str, str]:
        """Return the settings that every contender understands."""
        return {
            "KAFKA_BOOTSTRAP_SERVERS": self.stage.bootstrap_servers,
            "TOPIC_PREFIX": self.prefix,
            "KAFKA_GROUP_ID": self.group,
            "INSTANCE_NAME": f"{self.prefix}{instance}",
            "HEALTH_PORT": "0",
            "LOG_LEVEL": "WARNING",
        }

    def create_topics(self) -> None:
        wanted = [
            NewTopic(spec.name, spec.partitions, spec.replication_factor, config=spec.config)
            for spec in topic_specs(prefix=self.prefix)
        ]
        for created in self._admin.create_topics(wanted).values():
            created.result(30)

    def preload_orders(self, count: int, advance: Callable[[int], None]) -> None:
        preload(self.stage.bootstrap_servers, self.topic(ORDERS), count, advance)

    def committed(self) -> int:
        """Return how many records the group has committed, over all partitions; 0 before the first."""
        request = [ConsumerGroupTopicPartitions(self.group)]
        try:
            answer = self._admin.list_consumer_group_offsets(request)[self.group].result(10)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
                return 0
            raise
        return sum(max(partition.offset, 0) for partition in answer.topic_partitions or ())

    def drop(self) -> None:
        """Delete the topics; what a dead group has left is of no concern."""
        names = [spec.name for spec in topic_specs(prefix=self.prefix)]
        for deleted in self._admin.delete_topics(names).values():
            deleted.result(30)


@contextmanager
def fresh_scene(stage: Stage) -> Iterator[Scene]:
    """Create topics for one run and delete them after it."""
    scene = Scene(stage)
    scene.create_topics()
    try:
        yield scene
    finally:
        scene.drop()
