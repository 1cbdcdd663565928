"""What a broker does in every run, done once while it is trained: topics, a group, transactions.

A process of its own, `python -m orderflow_local.kafka.exercise BOOTSTRAP_SERVERS`: however it ends, the
training goes on.
"""

import sys
from typing import Any

from orderflow.streaming.admin import create_topics, pipeline_topics
from orderflow.streaming.clients import new_consumer, new_producer, reader_config, transactional_config
from orderflow.streaming.settings import KafkaSettings

_NAME = "training"
_WITHIN = 20.0  # seconds for each call
_TRANSACTIONS = 3


def exercise(bootstrap_servers: str) -> None:
    """Read what was written in transactions, and commit in them how far that was read."""
    # Nothing of the environment: the broker in training knows no logins.
    settings = KafkaSettings.model_construct(kafka_bootstrap_servers=bootstrap_servers)
    create_topics(settings)
    topic = pipeline_topics(settings)[0].name
    group = {"group.id": _NAME, "group.protocol": "consumer", "auto.offset.reset": "earliest"}
    consumer = new_consumer(reader_config(settings) | group)
    consumer.subscribe([topic])
    producer = new_producer(transactional_config(settings, _NAME, _WITHIN))
    producer.init_transactions(_WITHIN)
    for _ in range(_TRANSACTIONS):
        producer.begin_transaction()
        producer.produce(topic, b"value", b"key")
        _send_offsets(producer, consumer)
        producer.commit_transaction(_WITHIN)
        _read_one(consumer)
    consumer.close()


def _send_offsets(producer: Any, consumer: Any) -> None:
    read = [at for at in consumer.position(consumer.assignment()) if at.offset >= 0]
    if read:
        producer.send_offsets_to_transaction(read, consumer.consumer_group_metadata(), _WITHIN)


def _read_one(consumer: Any) -> None:
    while (record := consumer.poll(_WITHIN)) is not None and record.error():
        pass


if __name__ == "__main__":
    exercise(sys.argv[1])
