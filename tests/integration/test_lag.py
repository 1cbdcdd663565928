"""Lag as read from a real broker: markers, open transactions, deleted records, recreated topics."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from confluent_kafka.cimpl import NewPartitions, NewTopic
from support.brokers import RunningBroker, wait_for_coordinators
from support.eventually import eventually

from orderflow_lag.errors import BrokerUnavailable
from orderflow_lag.monitor import LagMonitor
from orderflow_lag.observation import GroupObservation, GroupState, LogRange, Reset, Subscription
from orderflow_lag.observation import TopicPartition as Partition
from orderflow_lag.read import IsolatedReader, LagReader
from orderflow_lag.seconds import LagSeconds
from orderflow_lag.truth import GroupLag, LagReason, group_lag
from orderflow_local.kafka import Broker

LagOf = Callable[..., GroupLag]


@pytest.fixture
def admin(broker: RunningBroker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


@pytest.fixture
def topic(admin: AdminClient, namespace: str) -> str:
    """A fresh topic of two partitions."""
    name = f"{namespace}orders"
    make(admin, name)
    return name


@pytest.fixture
def group(namespace: str) -> str:
    return f"{namespace}payment-service"


@pytest.fixture
def reader(broker: RunningBroker) -> Iterator[LagReader]:
    with LagReader({"bootstrap.servers": broker.bootstrap_servers}) as opened:
        yield opened


@pytest.fixture
def lag_of(reader: LagReader, topic: str, group: str) -> LagOf:
    """Read the group's lag on the topic, with the given fields of its subscription."""

    def read(**fields: object) -> GroupLag:
        wanted = Subscription(group, frozenset({topic}), **fields)  # type: ignore[arg-type]
        return group_lag(reader.read([wanted]), wanted)

    return read


def make(admin: AdminClient, topic: str, partitions: int = 2) -> None:
    for future in admin.create_topics([NewTopic(topic, partitions, 1)]).values():
        future.result(30)
    latest: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]
    wanted = {TopicPartition(topic, number): latest for number in range(partitions)}
    # The topic is there at once, its leaders a moment later.
    eventually(lambda: not any(f.exception() for f in admin.list_offsets(wanted).values()), within=10)


def transactional(broker: RunningBroker, name: str) -> Producer:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": name})
    producer.init_transactions(30)
    return producer


def write(
    producer: Producer, topic: str, records: int, *, partition: int = 0, finish: str = "commit"
) -> None:
    """Write records in one transaction, which is committed, aborted or left open."""
    producer.begin_transaction()
    for number in range(records):
        producer.produce(topic, f"record {number}", partition=partition)
    producer.flush(30)
    if finish == "commit":
        producer.commit_transaction(30)
    elif finish == "abort":
        producer.abort_transaction(30)


def commit(admin: AdminClient, group: str, topic: str, offsets: dict[int, int]) -> None:
    places = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    request = ConsumerGroupTopicPartitions(group, places)

    def taken() -> bool:
        answer = admin.alter_consumer_group_offsets([request])[group].result(30)
        return all(place.error is None for place in answer.topic_partitions)

    # A broker that has just started loads its coordinators first, and says so for each partition.
    eventually(taken, within=20)


def group_of(reader: LagReader, wanted: Subscription) -> GroupObservation:
    found = reader.read([wanted]).groups[wanted.group]
    assert isinstance(found, GroupObservation)
    return found


def test_a_drained_transactional_topic_has_no_lag_although_markers_are_left(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = transactional(broker, group)
    write(producer, topic, 5)
    write(producer, topic, 3, partition=1)
    commit(admin, group, topic, {0: 5, 1: 3})
    lag = lag_of()
    assert [one.log.end if one.log else None for one in lag.partitions] == [6, 4]
    assert lag.total == 0
    assert {one.reason for one in lag.partitions} == {LagReason.ONLY_MARKERS}


def test_records_are_counted_and_the_markers_between_them_are_not(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = transactional(broker, group)
    for _ in range(4):
        write(producer, topic, 2)
    write(producer, topic, 7, finish="abort")
    commit(admin, group, topic, {0: 3, 1: 0})
    assert lag_of().total == 6


def test_without_reading_tails_markers_count_as_records(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str
) -> None:
    write(transactional(broker, group), topic, 5)
    commit(admin, group, topic, {0: 5, 1: 0})
    wanted = Subscription(group, frozenset({topic}))
    with LagReader({"bootstrap.servers": broker.bootstrap_servers}, tail_limit=0) as reader:
        assert group_lag(reader.read([wanted]), wanted).total == 1


def test_records_of_an_open_transaction_are_no_lag_until_it_commits(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = transactional(broker, group)
    commit(admin, group, topic, {0: 0, 1: 0})
    write(producer, topic, 300, finish="leave open")
    lag = lag_of()
    assert lag.total == 0
    assert lag.partitions[0].log is not None
    assert lag.partitions[0].log.high_watermark == 300
    producer.commit_transaction(30)
    # The broker answers a commit before it has written the markers.
    eventually(lambda: lag_of().known >= 300, within=10)


def test_a_group_that_never_committed_is_behind_by_everything_or_by_what_came_since_its_baseline(
    broker: RunningBroker, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(10):
        producer.produce(topic, b"record", partition=0)
    producer.flush(30)
    assert lag_of().total == 10
    assert lag_of().partitions[0].reason is LagReason.NEVER_COMMITTED
    assert lag_of(reset=Reset.LATEST).total == 0
    assert lag_of(reset=Reset.LATEST, baseline={Partition(topic, 0): 4, Partition(topic, 1): 0}).total == 6


def test_deleted_records_are_no_lag(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(10):
        producer.produce(topic, b"record", partition=0)
    producer.flush(30)
    commit(admin, group, topic, {0: 2, 1: 0})
    for future in admin.delete_records([TopicPartition(topic, 0, 7)]).values():
        future.result(30)
    lag = lag_of()
    assert lag.total == 3
    assert lag.partitions[0].reason is LagReason.TRUNCATED


def test_a_recreated_topic_is_all_new_to_a_group_with_old_offsets(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    admin.delete_topics([topic])[topic].result(30)
    eventually(lambda: lag_of().total is None, within=10)
    make(admin, topic)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    for _ in range(3):
        producer.produce(topic, b"record", partition=0)
    producer.flush(30)
    commit(admin, group, topic, {0: 500, 1: 500})

    def all_new() -> bool:
        lag = lag_of()
        return lag.total == 3 and {one.reason for one in lag.partitions} == {LagReason.RECREATED}

    eventually(all_new, within=10)


def test_a_partition_added_later_counts_from_its_start(
    broker: RunningBroker, admin: AdminClient, topic: str, group: str, lag_of: LagOf
) -> None:
    commit(admin, group, topic, {0: 0, 1: 0})
    admin.create_partitions([NewPartitions(topic, 3)])[topic].result(30)
    eventually(lambda: len(lag_of().partitions) == 3, within=10)
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce(topic, b"record", partition=2)
    producer.flush(30)
    eventually(lambda: lag_of().total == 1, within=10)
    assert lag_of().partitions[2].reason is LagReason.PARTITION_ADDED


def test_a_missing_topic_is_unknown_and_not_zero(reader: LagReader, group: str, namespace: str) -> None:
    wanted = Subscription(group, frozenset({f"{namespace}nowhere"}))
    lag = group_lag(reader.read([wanted]), wanted)
    assert lag.total is None
    assert [str(problem) for problem in lag.problems] == [f"topic {namespace}nowhere: there is no such topic"]


def test_a_group_tells_its_members_and_its_topics(
    broker: RunningBroker, reader: LagReader, topic: str, group: str
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    producer.produce(topic, b"record", partition=0)
    producer.flush(30)
    consumer = Consumer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "group.id": group,
            "group.protocol": "consumer",
            "client.id": "payments-0",
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
        }
    )
    consumer.subscribe([topic])
    wanted = Subscription(group)

    def seen() -> GroupObservation:
        consumer.poll(0.1)
        return group_of(reader, wanted)

    try:
        eventually(lambda: seen().state is GroupState.STABLE and seen().topics == {topic}, within=20)
        (member,) = seen().members
        assert member.client_id == "payments-0"
        assert member.host == "127.0.0.1"
        assert member.assignment == {Partition(topic, 0), Partition(topic, 1)}
        assert group in reader.groups()
        assert group_lag(reader.read([wanted]), wanted).total == 1
    finally:
        consumer.close()
    eventually(lambda: group_of(reader, wanted).state is GroupState.EMPTY, within=20)


def test_the_oldest_unread_record_tells_when_it_was_written(
    broker: RunningBroker, reader: LagReader, topic: str, group: str, lag_of: LagOf
) -> None:
    producer = transactional(broker, group)
    write(producer, topic, 2, finish="abort")
    producer.begin_transaction()
    for second in (1000, 2000):
        producer.produce(topic, b"record", partition=0, timestamp=second * 1000)
    producer.commit_transaction(30)
    tails = [one.tail for one in lag_of().partitions if one.tail]
    assert reader.written_at(tails) == {tails[0]: 1000.0}


def test_a_monitor_interpolates_once_it_has_watched_and_asks_the_records_before(
    broker: RunningBroker, admin: AdminClient, reader: LagReader, topic: str, group: str
) -> None:
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers})
    wanted = [Subscription(group, frozenset({topic}))]

    def produce(records: int) -> None:
        for _ in range(records):
            # An hour old by the producer's clock, which only a first look has to believe.
            producer.produce(topic, b"record", partition=0, timestamp=int((time.time() - 3600) * 1000))
        producer.flush(30)

    produce(5)
    asking, watching = LagMonitor(reader), LagMonitor(reader, read_records=False)
    (first,) = asking.look(wanted)
    assert 3590 < first.seconds_of(topic).seconds < 3700
    (blind,) = watching.look(wanted)
    assert blind.seconds_of(topic).incomplete

    produce(5)
    commit(admin, group, topic, {0: 5, 1: 0})
    (second,) = watching.look(wanted)
    lag = second.seconds_of(topic)
    assert (second.lag.total, lag.incomplete) == (5, False)
    assert 0 < lag.seconds <= second.at - blind.at

    commit(admin, group, topic, {0: 10})
    (last,) = watching.look(wanted)
    assert (last.lag.total, last.seconds_of(topic)) == (0, LagSeconds(0.0))


def test_topics_can_be_read_without_a_group(reader: LagReader, topic: str) -> None:
    seen = reader.read([], [topic])
    assert seen.partitions == {topic: 2}
    assert seen.logs[Partition(topic, 1)] == LogRange(0, 0, 0)


def test_many_groups_are_read_at_once(reader: LagReader, admin: AdminClient, topic: str, group: str) -> None:
    commit(admin, f"{group}-1", topic, {0: 0, 1: 0})
    subscriptions = [Subscription(f"{group}-{n}", frozenset({topic})) for n in range(20)]
    seen = reader.read(subscriptions)
    assert [group_lag(seen, one).total for one in subscriptions] == [0] * 20
    assert group_lag(seen, subscriptions[1]).partitions[0].reason is LagReason.CAUGHT_UP
    assert group_lag(seen, subscriptions[2]).partitions[0].reason is LagReason.EMPTY


def test_no_broker_is_said_as_no_broker(topic: str) -> None:
    nowhere = {"bootstrap.servers": "127.0.0.1:1"}
    with LagReader(nowhere, timeout=1.0) as reader, pytest.raises(BrokerUnavailable):
        reader.read([Subscription("payment-service", frozenset({topic}))])


def test_a_broker_that_freezes_between_two_questions_is_no_empty_log(
    own_broker: Callable[[], Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = own_broker()
    wait_for_coordinators(broker.bootstrap_servers)
    config: dict[str, Any] = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 2}
    make(AdminClient(config), "orders")

    class Freezing(AdminClient):
        """The last thing this broker answers is which partitions there are."""

        def list_offsets(self, *arguments: Any, **more: Any) -> Any:
            broker.pause()
            return super().list_offsets(*arguments, **more)

    monkeypatch.setattr("orderflow_lag.read.reader.AdminClient", Freezing)
    with LagReader(config, timeout=1.0) as reader:
        with pytest.raises(BrokerUnavailable, match="told no offset in time"):
            reader.read([Subscription("payment-service", frozenset({"orders"}))])
        broker.resume()


def test_a_broker_that_has_served_no_group_yet_is_read_without_a_crash(
    own_broker: Callable[[], Broker],
) -> None:
    # In a process of its own: what it guards against is a segmentation fault of the client.
    command = [sys.executable, "-m", "orderflow", "lag", "--kafka-bootstrap-servers"]

    done = subprocess.run(
        [*command, own_broker().bootstrap_servers], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode in (0, 1), done.stderr
    assert "Traceback" not in done.stderr


def test_a_broker_that_goes_and_comes_back_is_read_again_whatever_the_client_does(
    own_broker: Callable[[], Broker],
) -> None:
    broker, groups = own_broker(), [f"group-{number}" for number in range(5)]
    wait_for_coordinators(broker.bootstrap_servers)
    wanted = [Subscription(group, frozenset({"orders"})) for group in groups]

    def reads(reader: IsolatedReader) -> bool:
        try:
            seen = reader.read(wanted)
        except BrokerUnavailable:
            return False
        return all(isinstance(seen.groups[group], GroupObservation) for group in groups)

    with IsolatedReader({"bootstrap.servers": broker.bootstrap_servers}, timeout=1.0) as reader:
        eventually(lambda: reads(reader), within=20)
        broker.stop()
        assert not any(reads(reader) for _ in range(3))
        broker.start()
        eventually(lambda: reads(reader), within=30)


def test_a_client_whose_process_ends_costs_one_read(broker: RunningBroker, topic: str, group: str) -> None:
    wanted = [Subscription(group, frozenset({topic}))]
    with IsolatedReader({"bootstrap.servers": broker.bootstrap_servers}) as reader:
        before = {child.pid for child in psutil.Process().children()}
        assert reader.read(wanted).partitions == {topic: 2}
        (client,) = [child for child in psutil.Process().children() if "spawn_main" in str(child.cmdline())]
        assert client.pid not in before
        client.kill()
        with pytest.raises(BrokerUnavailable):
            reader.read(wanted)
        assert reader.read(wanted).partitions == {topic: 2}
