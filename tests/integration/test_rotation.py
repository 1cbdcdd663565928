"""A login that changes while orders flow: the same processes go on, and nothing is lost or doubled."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AclOperation, ResourceType
from support.command import Command, verify
from support.eventually import eventually
from support.mounted_secret import MountedSecret
from support.orders_service import Clients, OrderService
from support.pipeline import Pipeline, ServiceProcess
from support.scram_broker import ScramBroker
from support.tls_broker import Authority, Pair, TlsBroker

pytestmark = pytest.mark.chaos

Pipelines = Callable[[str, str], Pipeline]

CHANGED = "have changed; clients are made anew"


@dataclass(frozen=True)
class Flow:
    """Clients that place orders all the time, and the workers that handle them."""

    clients: Clients
    payments: ServiceProcess

    def goes_on(self) -> None:
        """Return once more orders were accepted, and more handled."""
        accepted, handled = len(self.clients.accepted), self.handled()
        eventually(lambda: len(self.clients.accepted) >= accepted + 100, within=60)
        eventually(lambda: self.handled() >= handled + 100, within=60)

    def handled(self) -> float:
        return self.payments.metric("orderflow_records_total")


@contextmanager
def orders_flow(pipeline: Pipeline, **login: object) -> Iterator[Flow]:
    """Place orders with the whole pipeline running under a login.

    At the end every accepted order is in the log, and the processes are those that were started.
    """
    api = OrderService(pipeline, "api", **login)
    services = [api.process, *(pipeline.start(name, name, **login) for name in ("payments", "notifications"))]
    for each in services:
        each.wait_ready()
    # Enough that some are always on their way; more would only keep the machine busy.
    with Clients(api, connections=8, pause=0.04) as clients:
        flow = Flow(clients, services[1])
        flow.goes_on()
        yield flow
    for each in services:
        assert each.process.poll() is None, each.log
    in_log = {order["order_id"] for order in pipeline.values("orders")}
    assert set(clients.accepted) <= in_log
    assert set(clients.answers) <= {202, 503}


@pytest.fixture
def proven(command: Command) -> Callable[[Pipeline], Any]:
    """Waits until every order has its outcome, and returns what `orderflow verify` counted."""

    def prove(pipeline: Pipeline) -> Any:
        said = command.at(pipeline.bootstrap_servers, pipeline.prefix)(*verify(pipeline), "--wait", "60")
        assert said.exit_code == 0, said
        return json.loads(said.out)

    return prove


@pytest.mark.parametrize("gap", [False, True], ids=["at once", "while the old one is refused"])
def test_a_password_that_changes_while_orders_flow_costs_no_order_and_no_restart(
    gap: bool,
    scram_broker: ScramBroker,
    namespace: str,
    pipelines: Pipelines,
    tmp_path: Path,
    proven: Callable[[Pipeline], Any],
) -> None:
    pipeline = pipelines(scram_broker.bootstrap_servers, namespace).create_topics()
    secret = MountedSecret(tmp_path / "user")
    scram_broker.set_password("orderflow", "first")
    secret.write(password="first\n")
    allow_all(scram_broker, "orderflow")
    login = {
        "kafka_bootstrap_servers": scram_broker.scram_servers,
        "kafka_security_protocol": "SASL_PLAINTEXT",
        "kafka_sasl_username": "orderflow",
        "kafka_sasl_password_file": secret.file("password"),
    }
    with orders_flow(pipeline, **login) as flow:
        # The broker has its clients log in again every three seconds.
        scram_broker.set_password("orderflow", "second")
        if gap:
            eventually(lambda: flow.clients.answers[503] > 0, within=30)
        secret.write(password="second\n")
        eventually(
            lambda: all("the password has changed" in each.log for each in pipeline.processes), within=10
        )
        flow.goes_on()
    for each in pipeline.processes:
        assert not {"first", "second"} & set(each.log.split('"'))
    report = proven(pipeline)
    assert report["paid"] + report["declined"] == report["accepted"] >= 200
    assert [each.stop() for each in pipeline.processes] == [0, 0, 0]


@dataclass(frozen=True)
class Holder:
    """Services that show a certificate, from a mounted Secret."""

    broker: TlsBroker
    pipeline: Pipeline
    secret: MountedSecret

    @property
    def login(self) -> dict[str, object]:
        """Their settings."""
        return {
            "kafka_bootstrap_servers": self.broker.tls_servers,
            "kafka_security_protocol": "SSL",
            "kafka_ssl_ca_location": self.secret.file("ca.crt"),
            "kafka_ssl_certificate_location": self.secret.file("user.crt"),
            "kafka_ssl_key_location": self.secret.file("user.key"),
        }

    def mount(self, pair: Pair) -> None:
        """Put this pair in place of the last one."""
        ca = self.broker.authority.certificate
        self.secret.write(ca_crt=ca, user_crt=pair.certificate, user_key=pair.key)

    def wait_told(self, what: str, times: int = 1) -> None:
        """Return once every process has logged it as often as that."""
        eventually(lambda: all(each.log.count(what) == times for each in self.pipeline.processes), within=20)


@pytest.fixture
def holder(tls_broker: TlsBroker, namespace: str, pipelines: Pipelines, tmp_path: Path) -> Holder:
    """Services to be, with all rights for whoever is called first or second."""
    for name in ("first", "second"):
        allow_all(tls_broker, name)
    pipeline = pipelines(tls_broker.bootstrap_servers, namespace).create_topics()
    return Holder(tls_broker, pipeline, MountedSecret(tmp_path / "user"))


def test_a_certificate_that_changes_while_orders_flow_costs_no_order_and_no_restart(
    holder: Holder, proven: Callable[[Pipeline], Any]
) -> None:
    authority, pipeline = holder.broker.authority, holder.pipeline
    first, second = authority.issue("first"), authority.issue("second")
    holder.mount(first)
    with orders_flow(pipeline, **holder.login) as flow:
        # Half of a change, as nobody should leave it: what works stays.
        holder.mount(Pair(second.certificate, first.key))
        holder.wait_told("no good")
        flow.goes_on()
        holder.mount(second)
        holder.wait_told(CHANGED)
        flow.goes_on()
        # Whoever still came with the first certificate could do nothing any more.
        holder.broker.forbid_all("first")
        flow.goes_on()
    assert set(flow.clients.answers) == {202}
    for each in pipeline.processes:
        assert not any(sign in each.log for sign in ("PRIVATE KEY", "producer lost", "aborted"))
    report = proven(pipeline)
    assert report["paid"] + report["declined"] == report["accepted"] >= 400
    assert [each.stop() for each in pipeline.processes] == [0, 0, 0]


def test_a_certificate_that_nobody_trusts_is_left_behind_by_the_next_one_without_a_restart(
    holder: Holder, proven: Callable[[Pipeline], Any]
) -> None:
    pipeline = holder.pipeline
    holder.mount(holder.broker.authority.issue("first"))
    with orders_flow(pipeline, **holder.login) as flow:
        holder.mount(Authority("somebody else").issue("first"))
        holder.wait_told(CHANGED)
        eventually(lambda: flow.clients.answers[503] > 0, within=30)
        eventually(lambda: flow.payments.get("/readyz")[0] == 503, within=10)
        holder.mount(holder.broker.authority.issue("second"))
        holder.wait_told(CHANGED, times=2)
        flow.goes_on()
        flow.payments.wait_ready()
    report = proven(pipeline)
    assert report["paid"] + report["declined"] == report["accepted"] >= 200
    assert [each.stop() for each in pipeline.processes] == [0, 0, 0]


def allow_all(broker: ScramBroker | TlsBroker, user: str) -> None:
    for kind in (ResourceType.TOPIC, ResourceType.GROUP, ResourceType.TRANSACTIONAL_ID):
        broker.allow(user, kind, "*", AclOperation.ALL)
