"""The ceiling: a transactional loop on confluent-kafka that does the payment job and nothing else.

No metrics, no dead letters, no recovery: what it loses by that is robustness, what it shows is the cost of
the client and the broker alone.
"""

from __future__ import annotations

import os
import signal
import zlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from confluent_kafka import Consumer, Message, Producer, TopicPartition


class Order(msgspec.Struct):
    order_id: str
    user_id: str
    amount: Decimal
    items: int
    timestamp: datetime


class Payment(msgspec.Struct):
    order_id: str
    user_id: str
    amount: Decimal
    status: str
    payment_id: str
    attempts: int


class Status(msgspec.Struct):
    order_id: str
    status: str
    updated_at: str


decode = msgspec.json.Decoder(Order).decode
encode = msgspec.json.Encoder(decimal_format="number").encode


class Loop:
    """One consumer, one producer, one transaction for all that is there, up to `batch` records."""

    def __init__(self, bootstrap_servers: str, prefix: str, group: str, name: str, batch: int) -> None:
        common: dict[str, Any] = {"bootstrap.servers": bootstrap_servers, "client.id": name}
        self._consumer = Consumer(
            common
            | {
                "group.id": group,
                "group.protocol": "consumer",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.queue.backoff.ms": 5,
                "queued.max.messages.kbytes": 16_384,
            }
        )
        self._producer = Producer(
            common
            | {
                "transactional.id": name,
                "partitioner": "murmur2_random",
                "linger.ms": 0,
                "retry.backoff.ms": 2,
                "retry.backoff.max.ms": 10,
                "queue.buffering.max.messages": 500_000,
            }
        )
        self._payments, self._statuses = f"{prefix}payments", f"{prefix}order-status"
        self._batch = batch
        self.stopping = False
        self._producer.init_transactions(30)
        self._consumer.subscribe([f"{prefix}orders"])

    def run(self) -> None:
        """Work until told to stop."""
        while not self.stopping:
            first = self._consumer.poll(0.1)
            if first is not None:
                self._transact([first, *self._consumer.consume(self._batch - 1, 0)])
        self._consumer.close()

    def _transact(self, records: list[Message]) -> None:
        self._producer.begin_transaction()
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        positions: dict[tuple[str, int], int] = {}
        for record in records:
            self._answer(record, now)
            positions[record.topic() or "", record.partition() or 0] = (record.offset() or 0) + 1
        offsets = [
            TopicPartition(topic, partition, offset) for (topic, partition), offset in positions.items()
        ]
        metadata: Any = self._consumer.consumer_group_metadata()
        self._producer.send_offsets_to_transaction(offsets, metadata, 10)
        self._producer.commit_transaction(10)

    def _answer(self, record: Message, now: str) -> None:
        order = decode(record.value() or b"")
        if order.amount <= 0:
            raise ValueError(f"{order.order_id}: amount must be greater than 0")
        paid = zlib.crc32(order.order_id.encode()) % 100 < 80
        payment_id = f"PAY-{order.order_id}"
        result = "SUCCESS" if paid else "FAILED"
        payment = Payment(order.order_id, order.user_id, order.amount, result, payment_id, 1)
        status = Status(order.order_id, "PAID" if paid else "DECLINED", now)
        headers: Any = record.headers()
        self._producer.produce(self._payments, encode(payment), order.user_id, headers=headers)
        self._producer.produce(self._statuses, encode(status), order.order_id, headers=headers)


def main() -> None:
    loop = Loop(
        os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        os.environ["TOPIC_PREFIX"],
        os.environ["KAFKA_GROUP_ID"],
        os.environ["INSTANCE_NAME"],
        int(os.environ.get("BATCH", "5000")),
    )

    def stop(*_: object) -> None:
        loop.stopping = True

    signal.signal(signal.SIGTERM, stop)
    loop.run()


if __name__ == "__main__":
    main()
