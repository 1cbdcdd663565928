"""Kafka clients, configured alike everywhere: the settings that exactly-once and low latency need."""

from __future__ import annotations

import logging
from typing import Any

from confluent_kafka import Consumer, Producer
from confluent_kafka.admin import AdminClient

from orderflow.streaming.login import login_config
from orderflow.streaming.settings import ConsumerSettings, KafkaSettings

Config = dict[str, Any]


def connection_config(settings: KafkaSettings) -> Config:
    """Return what every client needs to reach the brokers and to be recognised there, as of now."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": settings.instance_name,
        # Five minutes by default: a topic that was enlarged or made again would go unseen that long.
        "topic.metadata.refresh.interval.ms": 10_000,
        "reconnect.backoff.max.ms": 1_000,
        "log.connection.close": False,
        **login_config(settings),
    }


def reader_config(settings: KafkaSettings) -> Config:
    """Return the configuration of a consumer that sees committed records only and commits nothing itself."""
    return connection_config(settings) | {
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "enable.partition.eof": True,
        "fetch.wait.max.ms": 100,
        # By default a full queue makes the fetcher sleep for a second.
        "fetch.queue.backoff.ms": 5,
        # Enough for 100 ms. Under a backlog a client fills whatever it may, by default 64 MB.
        "queued.max.messages.kbytes": 4_096,
    }


def consumer_config(settings: ConsumerSettings) -> Config:
    """Return the configuration of a consumer that joins its group."""
    config = reader_config(settings) | {
        "group.id": settings.group,
        "group.protocol": settings.kafka_group_protocol,
        "auto.offset.reset": settings.kafka_auto_offset_reset,
        "max.poll.interval.ms": 120_000,
    }
    if settings.kafka_group_protocol == "classic":
        config["partition.assignment.strategy"] = "cooperative-sticky"
        config["session.timeout.ms"] = 10_000
        config["heartbeat.interval.ms"] = 2_000
    return config


def transactional_config(settings: KafkaSettings, transactional_id: str, timeout_seconds: float) -> Config:
    """Return the configuration of a transactional producer."""
    return connection_config(settings) | {
        "transactional.id": transactional_id,
        "transaction.timeout.ms": int(timeout_seconds * 1000),
        # librdkafka's own default is CRC32; this is Java's, so that both place a user on one partition.
        "partitioner": "murmur2_random",
        # A flush ends the wait anyway; what is produced together still travels together.
        "linger.ms": 0,
        # The next transaction of one producer waits for the markers of the last in steps of this.
        "retry.backoff.ms": 2,
        "retry.backoff.max.ms": 10,
        "queue.buffering.max.messages": 500_000,
        # The limit of the topic counts, not one of ours: a compressed record may be larger than it looks.
        "message.max.bytes": 1_000_000_000,
    }


def new_consumer(config: Config) -> Consumer:
    """Return a consumer; its client's log lines go to ours."""
    return Consumer(config, logger=logging.getLogger("kafka.consumer"))


def new_producer(config: Config) -> Producer:
    """Return a producer; its client's log lines go to ours."""
    return Producer(config, logger=logging.getLogger("kafka.producer"))


def new_admin(settings: KafkaSettings) -> AdminClient:
    """Return an Admin client."""
    return AdminClient(connection_config(settings), logger=logging.getLogger("kafka.admin"))
