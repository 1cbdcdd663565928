"""The pipeline on a broker that asks who one is and allows what a KafkaUser's ACLs say, and nothing else."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from confluent_kafka import Message
from confluent_kafka.admin import AdminClient
from support.kafka_users import bindings_of
from support.orders_service import OrderService
from support.pipeline import Pipeline, ServiceProcess
from support.scram_broker import ScramBroker

Acl = Mapping[str, Any]

PASSWORD = "a-password-of-these-tests"


class GuardedPipeline:
    """Services that log in as `orderflow-<workload>`; the test itself may do everything."""

    def __init__(self, broker: ScramBroker, folder: Path) -> None:
        self._broker = broker
        self._unguarded = Pipeline(broker.bootstrap_servers, "", folder, partitions=3)
        self.services = Pipeline(broker.scram_servers, "", folder)

    def prepare(self, users: Mapping[str, Sequence[Acl]]) -> None:
        """Make the topics, and the users with their rights."""
        self._unguarded.create_topics()
        bindings = [
            binding for user, acls in users.items() for acl in acls for binding in bindings_of(user, acl)
        ]
        admin = AdminClient({"bootstrap.servers": self._broker.bootstrap_servers})
        for future in admin.create_acls(bindings).values():
            future.result(20)
        for user in users:
            self._broker.set_password(user, PASSWORD)

    def start(self, service: str) -> ServiceProcess:
        """Start a worker in its usual group."""
        return self.services.start(service, service, kafka_group_id="", **_login(service))

    def start_api(self) -> OrderService:
        """Start the Order Service."""
        return OrderService(self.services, "orders", kafka_group_id="", **_login("orders"))

    def environment(self, workload: str) -> dict[str, str]:
        """Return the environment of a program of ours that logs in as a workload."""
        where = {"KAFKA_BOOTSTRAP_SERVERS": self._broker.scram_servers}
        here = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
        return where | here | {name.upper(): value for name, value in _login(workload).items()}

    def client(self, workload: str) -> dict[str, Any]:
        """Return the configuration of a client that logs in as a workload."""
        login = {
            name.removeprefix("kafka_").replace("_", "."): value for name, value in _login(workload).items()
        }
        return {"bootstrap.servers": self._broker.scram_servers, "sasl.mechanism": "SCRAM-SHA-512", **login}

    def produce(self, topic: str, value: bytes) -> None:
        """Write a record as nobody in particular."""
        self._unguarded.produce(topic, [(None, value)])

    def read(self, topic: str) -> list[Message]:
        """Return every record of a topic."""
        return self._unguarded.read(topic)


def _login(workload: str) -> dict[str, str]:
    return {
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_username": f"orderflow-{workload}",
        "kafka_sasl_password": PASSWORD,
    }
