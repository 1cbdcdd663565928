"""Reading as no group begins where it was asked to, and passes nothing over from there on."""

import time
from types import SimpleNamespace

import pytest
from confluent_kafka import Consumer, KafkaError, TopicPartition
from support.pipeline import Pipeline, order

from orderflow.streaming import reader
from orderflow.streaming.clients import Config, new_consumer
from orderflow.streaming.reader import TopicReader


def test_a_record_that_comes_while_the_reader_finds_its_place_is_read(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, lookups = time.time(), list[int]()
    pipeline.produce("orders", [order(1)])

    class Slow:
        """A client that lets another record come before it tells where a time is."""

        def __init__(self, config: Config) -> None:
            self._consumer: Consumer = new_consumer(config)

        def __getattr__(self, name: str) -> object:
            return getattr(self._consumer, name)

        def offsets_for_times(self, times: list[TopicPartition], timeout: float) -> list[TopicPartition]:
            answer = self._consumer.offsets_for_times(times, timeout=timeout)
            lookups.append(len(answer))
            pipeline.produce("notifications", [order(2)])
            return answer

    monkeypatch.setattr(reader, "new_consumer", Slow)
    topics = [pipeline.prefix + name for name in ("orders", "notifications")]
    with TopicReader(pipeline.settings, topics, start=started - 60) as reading:
        read = [record.value() for records in reading.to_the_end() for record in records]
    assert read.count(order(1)[1]) == 1
    assert read.count(order(2)[1]) == len(lookups) > 0


def test_a_leader_that_is_being_elected_is_asked_again(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.produce("orders", [order(1)])
    between = time.time() + 60
    refused = list[str]()

    class Electing:
        """A client that tells of an election at first, beside the time it was asked for, as the real one."""

        def __init__(self, config: Config) -> None:
            self._consumer: Consumer = new_consumer(config)

        def __getattr__(self, name: str) -> object:
            return getattr(self._consumer, name)

        def offsets_for_times(self, times: list[TopicPartition], timeout: float) -> list[object]:
            if refused or times[0].offset < 0:
                return [*self._consumer.offsets_for_times(times, timeout=timeout)]
            refused.extend(at.topic for at in times)
            error = KafkaError(KafkaError.LEADER_NOT_AVAILABLE)
            return [
                SimpleNamespace(topic=at.topic, partition=at.partition, offset=at.offset, error=error)
                for at in times
            ]

    monkeypatch.setattr(reader, "new_consumer", Electing)
    with TopicReader(pipeline.settings, [pipeline.prefix + "orders"], start=between) as reading:
        assert refused
        assert not [record for each in reading.to_the_end() for record in each]
        pipeline.produce("orders", [order(2)])
        read = list[bytes | None]()
        while not read:
            read += [one.value() for one in reading.poll()]
    assert read == [order(2)[1]]


def test_what_is_older_than_asked_for_is_not_read(pipeline: Pipeline) -> None:
    pipeline.produce("orders", [order(1)])
    time.sleep(0.01)
    between = time.time()
    pipeline.produce("orders", [order(2)])
    with TopicReader(pipeline.settings, [pipeline.prefix + "orders"], start=between) as reading:
        assert [record.value() for each in reading.to_the_end() for record in each] == [order(2)[1]]
    with TopicReader(pipeline.settings, [pipeline.prefix + "orders"], start=time.time() + 60) as reading:
        assert not [record for each in reading.to_the_end() for record in each]
