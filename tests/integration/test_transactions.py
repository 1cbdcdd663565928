"""The transactional producer against a broker that freezes, restarts or refuses."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from support import asks_about_group
from support.brokers import wait_for_coordinators
from support.eventually import eventually
from support.pipeline import Pipeline, read_topic

from orderflow.streaming.clients import transactional_config
from orderflow.streaming.login import Login
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer
from orderflow_local.kafka import Broker


@contextmanager
def member(pipeline: Pipeline) -> Iterator[Callable[[], Any]]:
    """A member of a consumer group; yields what returns its group metadata."""
    consumer = Consumer(
        {
            "bootstrap.servers": pipeline.bootstrap_servers,
            "group.id": pipeline.group("payments"),
            "group.protocol": "consumer",
        }
    )
    consumer.subscribe([f"{pipeline.prefix}orders"])

    def assigned() -> bool:
        consumer.poll(0.1)
        return bool(consumer.assignment())

    eventually(assigned, within=30)
    try:
        yield consumer.consumer_group_metadata
    finally:
        consumer.close()


def producer_of(pipeline: Pipeline, timeout: float) -> TransactionalProducer:
    config = transactional_config(pipeline.settings, f"{pipeline.prefix}test", 10)
    return TransactionalProducer(config, Login(pipeline.settings), timeout=timeout)


class Records:
    """A client's records by its own statistics: how many it holds, how many of them are on their way."""

    def __init__(self) -> None:
        self.config = {"statistics.interval.ms": 50, "stats_cb": self._note}
        self._told = (-1, -1)

    def await_none_on_their_way(self, client: Producer) -> None:
        """Return once the client has hung up on a broker that does not acknowledge."""
        self._await(client, lambda _held, on_their_way: on_their_way == 0)

    def await_none(self, client: Producer) -> None:
        """Return once the client has let go of all."""
        self._await(client, lambda held, _on_their_way: held == 0)

    def _await(self, client: Producer, wanted: Callable[[int, int], bool]) -> None:
        self._told = (-1, -1)

        def told() -> bool:
            client.poll(0.05)
            return wanted(*self._told)

        eventually(told, within=20)

    def _note(self, text: str) -> None:
        told = json.loads(text)
        partitions = [at for topic in told["topics"].values() for at in topic["partitions"].values()]
        self._told = told["msg_cnt"], sum(at["msgs_inflight"] for at in partitions)


def waking(broker: Broker, producer: TransactionalProducer, records: Records) -> Callable[..., Exception]:
    """Giving up on a frozen broker that wakes up just then.

    The client has hung up before, and lets go of what it holds: a record that was on its way arrives, and
    nobody hears its acknowledgement.
    """
    give_up = producer._give_up

    def wake_and_give_up(reason: KafkaError, *, ends: bool) -> Exception:
        client = producer._opened()
        records.await_none_on_their_way(client)

        def wake() -> None:
            records.await_none(client)
            broker.resume()

        waker = threading.Thread(target=wake)
        waker.start()
        try:
            return give_up(reason, ends=ends)
        finally:
            waker.join()

    return wake_and_give_up


def test_offsets_that_a_frozen_broker_does_not_take_cost_the_producer_and_not_the_process(
    own_broker: Callable[[], Broker], namespace: str, pipelines: Callable[[str, str], Pipeline]
) -> None:
    broker = own_broker()
    pipeline = pipelines(broker.bootstrap_servers, namespace).create_topics()
    producer, offsets = producer_of(pipeline, timeout=2), [TopicPartition(f"{namespace}orders", 0, 1)]
    record = (f"{namespace}payments", b"u", b"{}", list[Any]())
    assert producer.open()
    with member(pipeline) as group:
        producer.commit([record], offsets, group)
        broker.pause()
        with pytest.raises(ProducerLost) as lost:
            producer.commit([record], offsets, group)
        assert not lost.value.undecided, "commit was not even asked for"
        assert not producer.is_open
        broker.resume()

        assert producer.open()
        producer.commit([record], offsets, group)

    assert len(read_topic(pipeline.bootstrap_servers, f"{namespace}payments")) == 2


def test_who_asked_about_a_group_of_a_frozen_broker_outlives_its_answer(
    own_broker: Callable[[], Broker],
) -> None:
    broker = own_broker()
    wait_for_coordinators(broker.bootstrap_servers)
    broker.pause()
    program = [sys.executable, asks_about_group.__file__, broker.bootstrap_servers, "asked"]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as asking:
        assert asking.stdout
        assert asking.stdout.readline() == "silence\n"
        broker.resume()
        assert "an answer\n" in asking.stdout.readlines()
    assert asking.returncode == 0


def test_what_follows_an_abort_is_no_repeat_of_what_was_on_its_way(
    own_broker: Callable[[], Broker],
    namespace: str,
    pipelines: Callable[[str, str], Pipeline],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = own_broker()
    pipeline = pipelines(broker.bootstrap_servers, namespace).create_topics()
    records = Records()
    config = transactional_config(pipeline.settings, f"{namespace}test", 60) | records.config
    config |= {"socket.timeout.ms": 1000}
    producer = TransactionalProducer(config, Login(pipeline.settings), timeout=2)
    offsets, topic = [TopicPartition(f"{namespace}orders", 0, 1)], f"{namespace}payments"
    assert producer.open()
    with member(pipeline) as group:
        producer.write([(topic, b"u", b"acknowledged", list[Any]())])
        client = producer._opened()
        client.flush()
        broker.pause()
        client.produce(topic, b"on its way", b"u")
        monkeypatch.setattr(producer, "_give_up", waking(broker, producer, records))
        with pytest.raises(Aborted):
            producer.end(offsets, group)
        if not producer.is_open:
            assert producer.open()
        producer.commit([(topic, b"u", b"committed", list[Any]())])
    producer.drop()
    assert [record.value() for record in read_topic(broker.bootstrap_servers, topic)] == [b"committed"]


def test_a_refused_record_leaves_nothing_and_does_not_hurt_the_next_transaction(
    pipeline: Pipeline,
) -> None:
    producer = producer_of(pipeline, timeout=10)
    assert producer.open()
    good = (f"{pipeline.prefix}payments", b"u", b"{}", list[Any]())
    too_large = (f"{pipeline.prefix}payments", b"u", b"x" * 1_100_000, list[Any]())

    for _ in range(3):
        with pytest.raises(Aborted) as aborted:
            producer.commit([good, too_large])
        assert aborted.value.refused
        assert producer.open()
        producer.commit([good])

    assert len(pipeline.read("payments")) == 3
    producer.drop()


def test_a_second_producer_of_the_same_id_fences_the_first(pipeline: Pipeline) -> None:
    record = (f"{pipeline.prefix}payments", b"u", b"{}", list[Any]())
    first, second = producer_of(pipeline, timeout=10), producer_of(pipeline, timeout=10)
    assert first.open()
    first.commit([record])
    assert second.open()

    with pytest.raises(ProducerLost) as lost:
        first.commit([record])

    assert lost.value.fenced
    second.commit([record])
    assert len(pipeline.read("payments")) == 2
    second.drop()
