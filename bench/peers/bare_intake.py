"""The floor of intake: every record as one row of one SQLite table, not understood, not summed."""

from __future__ import annotations

import os
import signal
import sqlite3

from confluent_kafka import Consumer

TOPICS = ("orders", "payments", "notifications", "order-status")


def main() -> None:
    """Read and write until SIGTERM; offsets are committed to Kafka after each batch."""
    stopped: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopped.append(number))
    database = sqlite3.connect(os.environ["DATABASE_URL"].removeprefix("sqlite:///"))
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=NORMAL")
    database.execute("CREATE TABLE records (topic, partition, position, key, value)")
    consumer = Consumer(
        {
            "bootstrap.servers": os.environ["KAFKA_BOOTSTRAP_SERVERS"],
            "group.id": os.environ["KAFKA_GROUP_ID"],
            "group.protocol": "consumer",
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "queued.max.messages.kbytes": 16_384,
        }
    )
    consumer.subscribe([os.environ["TOPIC_PREFIX"] + topic for topic in TOPICS])
    while not stopped:
        read = [each for each in consumer.consume(5_000, 0.1) if each.error() is None]
        if read:
            rows = [
                (each.topic(), each.partition(), each.offset(), each.key(), each.value()) for each in read
            ]
            with database:
                database.executemany("INSERT INTO records VALUES (?, ?, ?, ?, ?)", rows)
            consumer.commit(asynchronous=True)
    consumer.close()
    database.close()


if __name__ == "__main__":
    main()
