"""What is in the Kafka image of the end-to-end tests, run as the image runs it, without an engine."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, NewTopic
from cryptography.hazmat.primitives import serialization
from support.eventually import eventually
from support.kafka_chart import CHART, USERS
from support.kafka_image import FOLDER, assemble
from support.kube.chart import REPOSITORY
from support.tls_broker import Authority

from orderflow_local.kafka import Distribution
from orderflow_local.kafka.config import CLEAN_END
from orderflow_local.net import free_port, is_free

# Each test goes on where the one before has left the broker.
pytestmark = pytest.mark.xdist_group("kafka-image")

READY_WITHIN = 60.0  # seconds


@dataclass
class Container:
    """The processes of the pod, with what the chart mounts."""

    folder: Path
    port: int
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        """Where the broker has its data."""
        return self.folder / "data" / "one"

    def start_broker(self) -> None:
        """Start the program of the image."""
        env = {
            "JAVA": str(self.folder / "image" / "java" / "bin" / "java"),
            "KAFKA_LIBS": str(self.folder / "image" / "libs"),
            "DATA_DIR": str(self.folder / "data"),
            "TMPDIR": str(self.folder / "tmp"),
            "TLS_FILE": str(self.folder / "broker.pem"),
            "INSTALLATION": "one",
            "ADVERTISED_HOST": "127.0.0.1",
            "PORT": str(self.port),
        }
        # Not the environment of the tests: nothing but what is in the image can be imported.
        python = str(Path(sys.base_prefix) / "bin" / "python3")
        self._run("kafka", env, python, str(self.folder / "image" / "start.py"))

    def start_users(self) -> None:
        """Start the program beside it."""
        paths = (str(self.folder / name) for name in ("users", "passwords", "tmp/ready"))
        servers = {"BROKER": f"127.0.0.1:{self.port - 1}", "PYTHONPATH": str(REPOSITORY / "tests")}
        self._run("users", servers, sys.executable, str(CHART / "files" / "users.py"), *paths)

    def stop(self, name: str, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.processes[name].send_signal(number)
        return self.processes[name].wait(60)

    def client(self, user: str, password: str) -> dict[str, Any]:
        """Return the configuration of a client from outside of the pod."""
        return {
            "bootstrap.servers": f"127.0.0.1:{self.port}",
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.folder / "ca.crt"),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "log_level": 0,
        }

    def _run(self, name: str, env: dict[str, str], *command: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                command,
                env={"PATH": os.environ["PATH"], **env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )


@pytest.fixture(scope="module")
def container(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Container]:
    """The pod, started."""
    made = _furnished(tmp_path_factory.mktemp("kafka-image"))
    try:
        made.start_broker()
        made.start_users()
        eventually((made.folder / "tmp" / "ready").exists, within=READY_WITHIN)
        yield made
    finally:
        for process in made.processes.values():
            process.kill()
            process.wait()


def test_who_logs_in_may_do_what_the_kafka_users_say_and_no_more(container: Container) -> None:
    admin = AdminClient(container.client("kafka-admin", "secret of kafka-admin"))
    for made in admin.create_topics([NewTopic("orders", 1), NewTopic("payments", 1)]).values():
        made.result(20)
    worker = AdminClient(container.client("orderflow-notifications", "secret of orderflow-notifications"))
    assert set(worker.list_topics(timeout=20).topics) == {"payments"}


def test_a_wrong_password_is_refused_and_a_new_one_taken(container: Container) -> None:
    (container.folder / "passwords" / "orderflow-test" / "password").write_text("the next one")
    with pytest.raises(KafkaException):
        AdminClient(container.client("orderflow-test", "a guess")).list_topics(timeout=3)

    def logs_in() -> bool:
        try:
            AdminClient(container.client("orderflow-test", "the next one")).list_topics(timeout=3)
        except KafkaException:
            return False
        return True

    eventually(logs_in, within=20)


def test_the_end_of_a_pod_is_a_clean_end(container: Container) -> None:
    # What Java answers with to SIGTERM.
    assert container.stop("kafka") == 143
    assert (container.data / CLEAN_END).exists()
    container.start_broker()
    topics = _topics_once_ready(container)
    assert {"orders", "payments"} <= topics


def test_a_killed_broker_comes_back_with_all_it_had(container: Container) -> None:
    container.stop("kafka", signal.SIGKILL)
    container.start_broker()
    assert {"orders", "payments"} <= _topics_once_ready(container)
    assert "Fencing broker " in (container.folder / "kafka.log").read_text()


def test_the_users_program_ends_when_it_is_told(container: Container) -> None:
    assert container.stop("users") == 0


def test_the_chart_gives_what_the_program_asks_for() -> None:
    asked = set(re.findall(r'env(?:\.get\(|\[)"(\w+)"', (FOLDER / "start.py").read_text()))
    image = re.findall(r"(\w+)=", (FOLDER / "Dockerfile").read_text())
    chart = re.findall(r"name: ([A-Z_]+)\b", (CHART / "templates" / "broker.yaml").read_text())
    assert asked - {"TMPDIR", "PORT"} <= {*image, *chart}


def _topics_once_ready(container: Container) -> set[str]:
    def topics() -> set[str]:
        try:
            admin = AdminClient(container.client("kafka-admin", "secret of kafka-admin"))
            return set(admin.list_topics(timeout=10).topics)  # the first login takes a cold JVM a while
        except KafkaException as error:
            raise AssertionError(f"not ready: {error}") from error

    return eventually(topics, within=READY_WITHIN)


def _furnished(folder: Path) -> Container:
    for name in ("image", "users", "passwords", "data", "tmp"):
        (folder / name).mkdir()
    assemble(folder / "image")
    authority = Authority("orderflow-cluster-ca")
    own = authority.issue("kafka", "127.0.0.1")
    (folder / "broker.pem").write_text(_as_helm_writes_it(own.key) + own.certificate)
    (folder / "ca.crt").write_text(authority.certificate)
    for file in (USERS, CHART / "files" / "admin.yaml"):
        (folder / "users" / file.name).write_text(file.read_text())
        for user in yaml.safe_load_all(file.read_text()):
            name = user["metadata"]["name"]
            (folder / "passwords" / name).mkdir()
            (folder / "passwords" / name / "password").write_text(f"secret of {name}")
    return Container(folder, _port_with_neighbours())


def _port_with_neighbours() -> int:
    """Return a port whose neighbours are free for the listeners within the pod."""
    while True:
        port = free_port()
        if all(is_free("127.0.0.1", port - below) for below in (1, 3)):
            return port


def _as_helm_writes_it(key: str) -> str:
    return (
        serialization.load_pem_private_key(key.encode(), None)
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.TraditionalOpenSSL,
            serialization.NoEncryption(),
        )
        .decode()
    )
