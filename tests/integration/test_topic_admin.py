"""Topics through the Admin API of a real broker."""

import time

import pytest
from support.brokers import RunningBroker
from support.eventually import eventually
from support.kafka_topics import entry

from orderflow_lag.observation import Unreadable
from orderflow_operator.topics import BrokerTopic
from orderflow_operator.topicsets import TopicAdmin


@pytest.fixture
def admin(broker: RunningBroker) -> TopicAdmin:
    return TopicAdmin.connect({"bootstrap.servers": broker.bootstrap_servers})


def seen(admin: TopicAdmin, name: str) -> BrokerTopic | None:
    """Return a topic as the broker has it."""
    found = admin.topics([name], with_config=True)[name]
    assert not isinstance(found, Unreadable), found
    return found


def test_a_topic_is_made_raised_configured_and_deleted(admin: TopicAdmin, namespace: str) -> None:
    name = f"{namespace}orders"
    assert seen(admin, name) is None
    assert admin.create([entry(name, 2, config={"retention.ms": 60000})]) == {}
    eventually(lambda: seen(admin, name) == BrokerTopic(2, 1, {"retention.ms": "60000"}), within=10)
    assert admin.raise_partitions({name: 5}) == {}
    assert admin.configure({name: {"retention.ms": None, "cleanup.policy": "compact"}}) == {}
    eventually(lambda: seen(admin, name) == BrokerTopic(5, 1, {"cleanup.policy": "compact"}), within=10)
    assert admin.delete([name]) == {}
    eventually(lambda: seen(admin, name) is None, within=10)
    assert admin.delete([name]) == {}


def test_to_try_makes_nothing(admin: TopicAdmin, namespace: str) -> None:
    good, bad = f"{namespace}good", f"{namespace}bad"
    problems = admin.create([entry(good), entry(bad, config={"no.such": "1"})], try_only=True)
    assert problems.keys() == {bad}
    assert problems[bad].is_certain
    assert "no.such" in problems[bad].text
    assert admin.topics([good, bad]) == {good: None, bad: None}


def test_one_bad_topic_spoils_no_other(admin: TopicAdmin, namespace: str) -> None:
    good, bad = f"{namespace}good", f"{namespace}bad"
    assert admin.create([entry(good), entry(bad, replicas=9)]).keys() == {bad}
    eventually(lambda: seen(admin, good), within=10)
    assert admin.create([entry(good)])[good].exists
    assert admin.raise_partitions({good: 1}).keys() == {good}
    assert seen(admin, good) == BrokerTopic(3, 1, {})


def test_brokers_that_are_silent_are_not_asked_again_at_once() -> None:
    dead = TopicAdmin.connect({"bootstrap.servers": "127.0.0.1:9"}, timeout=1)
    assert isinstance(dead.topics(["orders"])["orders"], Unreadable)
    began = time.monotonic()
    assert isinstance(dead.topics(["payments"])["payments"], Unreadable)
    assert time.monotonic() - began < 0.5
