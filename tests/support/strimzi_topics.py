"""What the stand-in for Strimzi's Topic Operator does in Kafka, and how it words what Kafka refuses."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

Document = dict[str, Any]

_TIMEOUT = 10.0  # seconds for one request


class Refused(Exception):
    """What Kafka or the rules do not allow; it becomes the condition Ready=False."""

    def __init__(self, reason: str, text: str) -> None:
        super().__init__(text)
        self.reason = reason


class TopicsOfKafkaTopics:
    """Topics of one Kafka, made as KafkaTopics ask."""

    def __init__(self, bootstrap_servers: str, login: Mapping[str, str]) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 2, **login})

    def bring_about(self, name: str, spec: Document) -> None:
        """Make a topic as its KafkaTopic asks; raise Refused."""
        config = {key: str(value) for key, value in (spec.get("config") or {}).items()}
        described = self.describe(name)
        if described is None:
            new = NewTopic(name, spec.get("partitions", -1), spec.get("replicas", -1), config=config)
            _answer(self._admin.create_topics([new], operation_timeout=_TIMEOUT)[name])
            return
        there, wanted = len(described.partitions), spec.get("partitions")
        if wanted is not None and wanted < there:
            raise Refused("NotSupported", "Decreasing partitions not supported")
        replicas = spec.get("replicas")
        moved = [p.id for p in described.partitions if replicas and len(p.replicas) != replicas]
        if moved:
            text = f"Replication factor change not supported, but required for partitions {moved}"
            raise Refused("NotSupported", text)
        if wanted is not None and wanted > there:
            more = NewPartitions(name, wanted)
            _answer(self._admin.create_partitions([more], operation_timeout=_TIMEOUT)[name])
        self._configure(name, config)

    def _configure(self, name: str, config: dict[str, str]) -> None:
        resource = ConfigResource(ResourceType.TOPIC, name)
        own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
        there = _answer(self._admin.describe_configs([resource])[resource])
        before = {key: entry.value for key, entry in there.items() if entry.source == own}
        steps = [
            ConfigEntry(key, config.get(key), incremental_operation=kind)
            for key in before.keys() | config.keys()
            if before.get(key) != config.get(key)
            for kind in (AlterConfigOpType.SET if key in config else AlterConfigOpType.DELETE,)
        ]
        if steps:
            change = ConfigResource(ResourceType.TOPIC, name, incremental_configs=steps)
            _answer(self._admin.incremental_alter_configs([change])[change])

    def describe(self, name: str) -> Any:
        """Return a topic as Kafka describes it, or None."""
        with suppress(KafkaException):
            return self._admin.describe_topics(TopicCollection([name]))[name].result(_TIMEOUT)
        return None

    def delete(self, name: str) -> None:
        """Delete a topic, if it is there."""
        with suppress(KafkaException):
            self._admin.delete_topics([name], operation_timeout=_TIMEOUT)[name].result(_TIMEOUT)


def _answer(future: Any) -> Any:
    try:
        return future.result(_TIMEOUT)
    except KafkaException as error:
        kafka = error.args[0]
        raise Refused(
            "KafkaError", f"org.apache.kafka.common.errors.{_java(kafka.name())}: {kafka.str()}"
        ) from None


def _java(name: str) -> str:
    """Return Kafka's Java name of an error, as it stands in the real messages."""
    known = {"INVALID_CONFIG": "InvalidConfigurationException"}
    return known.get(name, "".join(part.title() for part in name.split("_")) + "Exception")
