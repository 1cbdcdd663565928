"""The embedded broker: its life as a process, and the settings the guarantees rest on."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
from confluent_kafka import (
    Consumer,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType
from support.brokers import RunningBroker, embedded
from support.eventually import eventually
from support.pipeline import read_topic

from orderflow_local.errors import BrokerFailed
from orderflow_local.kafka import Broker, Distribution
from orderflow_local.kafka.config import BEHAVIOUR, PROMPT_RECOVERY
from orderflow_local.kafka.exercise import exercise
from orderflow_local.net import answers_kafka

ONE_BROKER = "1"
ON_THE_SPARE = pytest.mark.xdist_group("spare broker")


def create_topic(bootstrap_servers: str, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    admin.create_topics([NewTopic(topic, num_partitions=1, replication_factor=1)])[topic].result(20)


def append(bootstrap_servers: str, topic: str, value: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap_servers, "acks": "all"})
    producer.produce(topic, value)
    assert producer.flush(20) == 0


def read(bootstrap_servers: str, topic: str, count: int) -> list[str]:
    consumer = Consumer({"bootstrap.servers": bootstrap_servers, "group.id": "reader-of-" + topic})
    consumer.assign([TopicPartition(topic, 0, 0)])
    try:
        return [(record.value() or b"").decode() for record in consumer.consume(count, timeout=30)]
    finally:
        consumer.close()


@pytest.mark.parametrize(("setting", "value"), [*PROMPT_RECOVERY.items(), *BEHAVIOUR.items()])
def test_a_setting_is_in_force(broker: RunningBroker, setting: str, value: str) -> None:
    if "ORDERFLOW_TEST_BOOTSTRAP" in os.environ:
        pytest.skip("the settings of an outside broker are its owner's")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    resource = ConfigResource(ResourceType.BROKER, ONE_BROKER)
    described = admin.describe_configs([resource])[resource].result(20)
    assert described[setting].value == value


def test_a_topic_is_not_created_by_writing_to_it(broker: RunningBroker, namespace: str) -> None:
    topic = namespace + "never-created"
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "message.timeout.ms": 2000})
    errors: list[KafkaError | None] = []
    producer.produce(topic, b"x", on_delivery=lambda error, _record: errors.append(error))
    producer.flush(20)
    assert [error.name() for error in errors if error] == ["_MSG_TIMED_OUT"]
    assert (
        topic
        not in AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=20).topics
    )


@pytest.mark.chaos
def test_data_survives_a_restart_and_a_kill_on_the_same_port(own_broker: Callable[[], Broker]) -> None:
    broker = own_broker()
    create_topic(broker.bootstrap_servers, "kept")
    append(broker.bootstrap_servers, "kept", "before the restart")
    broker.restart()
    append(broker.bootstrap_servers, "kept", "before the kill")
    broker.kill()
    assert not broker.is_running
    broker.start()
    broker.wait_ready()
    assert read(broker.bootstrap_servers, "kept", 2) == ["before the restart", "before the kill"]


@pytest.mark.chaos
def test_a_transaction_cut_off_by_a_kill_is_ended_and_holds_nobody_back(
    own_broker: Callable[[], Broker],
) -> None:
    broker = own_broker()
    create_topic(broker.bootstrap_servers, "cut")
    config = {"bootstrap.servers": broker.bootstrap_servers, "group.id": "cut", "log_level": 2}
    consumer = Consumer({**config, "isolation.level": "read_committed"})
    consumer.subscribe(["cut"])
    producer = Producer(
        {
            "bootstrap.servers": broker.bootstrap_servers,
            "transactional.id": "cut",
            "transaction.timeout.ms": 1000,
        }
    )
    producer.init_transactions(20)
    # Before the transaction begins: a member may be longer in coming than that may be open.
    eventually(lambda: consumer.poll(0.1) is None and consumer.assignment(), within=20)
    producer.begin_transaction()
    producer.produce("cut", b"never committed")
    assert producer.flush(20) == 0
    producer.send_offsets_to_transaction(
        [TopicPartition("cut", 0, 0)], consumer.consumer_group_metadata(), 20
    )

    broker.kill()
    broker.start()
    broker.wait_ready()

    def committed() -> bool:
        try:
            return bool(consumer.committed([TopicPartition("cut", 0)], timeout=2))
        except KafkaException:
            return False

    eventually(committed, within=30)
    consumer.close()


@pytest.mark.chaos
def test_what_was_committed_just_before_a_kill_is_there_after_it(own_broker: Callable[[], Broker]) -> None:
    broker = own_broker()
    create_topic(broker.bootstrap_servers, "kept")
    for kills in (1, 2, 3):
        producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "transactional.id": "kept"})
        producer.init_transactions(30)
        producer.begin_transaction()
        producer.produce("kept", b"x")
        producer.commit_transaction(20)
        broker.kill()
        broker.start()
        broker.wait_ready()
        eventually(partial(has_records, broker, "kept", kills), within=20)
    log = (broker.log_dir / "kafka.log").read_text()
    assert log.count("Fencing broker") >= 3, "the controller declared each killed broker gone"
    assert "DUPLICATE_BROKER_REGISTRATION" not in log, "and wrote it down before it was stopped"


def has_records(broker: Broker, topic: str, count: int) -> bool:
    return len(read_topic(broker.bootstrap_servers, topic)) == count


@pytest.fixture(scope="module")
def spare(kafka_distribution: Distribution, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
    own = embedded(kafka_distribution, tmp_path_factory.mktemp("spare-kafka"))
    yield own
    own.kill()


@pytest.fixture
def spare_broker(spare: Broker) -> Broker:
    """A broker of this module's own, running; what a test does to it, the next one does not see."""
    if not spare.is_running:
        spare.start()
        spare.wait_ready()
    return spare


@pytest.mark.chaos
@ON_THE_SPARE
def test_a_paused_broker_is_silent_until_it_resumes(spare_broker: Broker) -> None:
    spare_broker.pause()
    assert spare_broker.is_running
    assert not answers_kafka(spare_broker.host, spare_broker.port, timeout=0.5)
    spare_broker.resume()
    spare_broker.wait_ready(20)


@ON_THE_SPARE
def test_everything_listens_on_loopback_only(spare_broker: Broker) -> None:
    listening = {
        connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process(spare_broker.pid).net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}


@ON_THE_SPARE
def test_in_training_a_broker_is_used_as_in_a_run(spare_broker: Broker) -> None:
    exercise(spare_broker.bootstrap_servers)
    admin = AdminClient({"bootstrap.servers": spare_broker.bootstrap_servers})
    (found,) = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions("training")]).values()
    committed = [each for each in found.result(20).topic_partitions or () if each.offset > 0]
    assert [each.topic for each in committed] == ["orders"]
    assert len(read_topic(spare_broker.bootstrap_servers, "orders")) == 3


@pytest.mark.chaos
@ON_THE_SPARE
def test_stop_leaves_no_process(spare_broker: Broker) -> None:
    pid = spare_broker.pid
    assert pid is not None
    assert os.getsid(pid) == pid != os.getsid(0)
    spare_broker.stop()
    assert not psutil.pid_exists(pid)
    assert not answers_kafka(spare_broker.host, spare_broker.port)


def test_a_folder_is_formatted_without_the_tool_as_the_tool_does_it(
    kafka_distribution: Distribution, tmp_path: Path
) -> None:
    class NeverUsed(Distribution):
        first_records = tmp_path / "first records"

    no_java = NeverUsed(tmp_path / "no java", kafka_distribution.home)
    by_the_tool = embedded(NeverUsed(kafka_distribution.java, kafka_distribution.home), tmp_path / "tool")
    with pytest.raises(FileNotFoundError):
        embedded(no_java, tmp_path / "too early").format()
    by_the_tool.format()
    without = embedded(no_java, tmp_path / "without")
    without.format()

    ours, theirs = ids(without), ids(by_the_tool)
    assert ours.keys() == theirs.keys()
    assert {name for name in ours if ours[name] == theirs[name]} == {"version", "node.id"}
    assert [len(each) for each in ours.values()] == [len(theirs[name]) for name in ours]
    assert files(without) == files(by_the_tool)


def ids(broker: Broker) -> dict[str, str]:
    lines = (broker.data_dir / "meta.properties").read_text().splitlines()
    return dict(line.split("=") for line in lines if not line.startswith("#"))


def files(broker: Broker) -> dict[str, bytes]:
    """Return what a data folder holds but for its ids."""
    found = {path.name: path.read_bytes() for path in broker.data_dir.iterdir()}
    assert found.pop("meta.properties")
    return found


def test_a_taken_port_is_one_sentence(
    broker: RunningBroker, kafka_distribution: Distribution, tmp_path: Path
) -> None:
    second = embedded(kafka_distribution, tmp_path)
    second.port = int(broker.bootstrap_servers.rpartition(":")[2])
    with pytest.raises(BrokerFailed, match=rf"^Port {second.port} on 127.0.0.1 is taken"):
        second.start()
    assert not second.is_running


def test_a_broker_that_ends_while_starting_says_why(kafka_distribution: Distribution, tmp_path: Path) -> None:
    broken = embedded(kafka_distribution, tmp_path)
    broken.data_dir.mkdir()
    (broken.data_dir / "meta.properties").write_text("version=99\n")
    with pytest.raises(BrokerFailed, match=r"^The broker ended while starting: .*meta[.]properties[^\n]*$"):
        broken.start()
    assert not broken.is_running
