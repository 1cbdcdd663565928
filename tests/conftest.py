"""Fixtures for every test that needs Kafka: a broker per run, a namespace of topics per test."""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest
from support.brokers import RunningBroker, embedded, wait_for_coordinators
from support.scram_broker import ScramBroker, with_users
from support.tls_broker import TlsBroker, with_tls

from orderflow_local.errors import DistributionUnavailable
from orderflow_local.kafka import Broker, Distribution, obtain, prepare

B = TypeVar("B", bound=Broker)

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # A shell starts what runs in its background with SIGINT ignored, and every child would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def kafka_distribution() -> Distribution:
    """The jars and a Java; a test that cannot have them is skipped with the reason."""
    try:
        distribution = obtain()
    except DistributionUnavailable as unavailable:
        pytest.skip(str(unavailable))
    prepare(distribution)
    return distribution


@pytest.fixture(scope="session")
def broker(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBroker]:
    """The broker of the test run: ORDERFLOW_TEST_BOOTSTRAP, or one of our own, started once."""
    if outside := os.environ.get("ORDERFLOW_TEST_BOOTSTRAP"):
        yield RunningBroker(outside)
        return
    folder = tmp_path_factory.mktemp("kafka")
    with _running(embedded(request.getfixturevalue("kafka_distribution"), folder)) as own:
        yield RunningBroker(own.bootstrap_servers)


@pytest.fixture
def namespace() -> str:
    """A prefix for topics, groups and transactional ids that no other test has."""
    return f"t{secrets.token_hex(4)}."


@pytest.fixture
def own_broker(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Broker]]:
    """A factory of started brokers that only this test uses, to kill, freeze or restart."""
    started: list[Broker] = []

    def start() -> Broker:
        own = embedded(kafka_distribution, tmp_path_factory.mktemp("own-kafka"))
        started.append(own)
        own.start()
        own.wait_ready()
        return own

    yield start
    for own in started:
        own.kill()


@pytest.fixture
def scram_broker(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ScramBroker]:
    """A broker of this test's own that asks for user and password on a listener beside the plain one."""
    with _running(with_users(embedded(kafka_distribution, tmp_path_factory.mktemp("scram-kafka")))) as own:
        yield own


@pytest.fixture
def tls_broker(
    kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TlsBroker]:
    """A broker of this test's own that asks for a certificate on a listener beside the plain one."""
    with _running(with_tls(embedded(kafka_distribution, tmp_path_factory.mktemp("tls-kafka")))) as own:
        yield own


@contextmanager
def _running(broker: B) -> Iterator[B]:
    try:
        broker.start()
        broker.wait_ready()
        wait_for_coordinators(broker.bootstrap_servers)
        yield broker
    finally:
        # Nobody reads its data any more, and to close every partition in order takes a second or two.
        broker.kill()
