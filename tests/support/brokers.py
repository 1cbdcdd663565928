"""The brokers that tests run against: one for the whole run, others to be hurt by one test."""

import logging
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from support.eventually import eventually

from orderflow_local.kafka import Broker, Distribution

# Quick to start rather than quick under load.
TEST_JVM_OPTIONS = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")


@dataclass(frozen=True)
class RunningBroker:
    """Where the broker of this test run answers."""

    bootstrap_servers: str


def embedded(distribution: Distribution, folder: Path) -> Broker:
    """Return a broker, not yet started, with data and logs in the folder."""
    return Broker(distribution, folder / "data", folder / "logs", jvm_options=TEST_JVM_OPTIONS)


def wait_for_coordinators(bootstrap_servers: str) -> None:
    """Return once the broker coordinates groups: it makes the topic for that when it is first asked."""
    admin = AdminClient({"bootstrap.servers": bootstrap_servers}, logger=logging.getLogger("kafka.admin"))

    def answers() -> bool:
        try:
            admin.describe_consumer_groups(["nobody"], request_timeout=5)["nobody"].result(10)
        except KafkaException:
            return False
        return True

    eventually(answers, within=60)
