"""The payment job on Quix Streams, exactly once; run by an interpreter of its own (quix_requirements.txt).

Values stay bytes for Quix and are decoded and encoded with the codec that our service uses, so that the
comparison is one of runtimes.
"""

from __future__ import annotations

import os
import tempfile
import zlib
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
from quixstreams import Application
from quixstreams.models import SerializationContext, Serializer


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


def charge(value: bytes) -> Payment:
    """Return the payment that answers an order."""
    order = decode(value)
    if order.amount <= 0:
        raise ValueError(f"{order.order_id}: amount must be greater than 0")
    paid = zlib.crc32(order.order_id.encode()) % 100 < 80
    payment_id = f"PAY-{order.order_id}"
    result = "SUCCESS" if paid else "FAILED"
    return Payment(order.order_id, order.user_id, order.amount, result, payment_id, 1)


class PaymentValue(Serializer):  # type: ignore[misc]  # typed only where Quix is installed
    """Writes a payment."""

    def __call__(self, value: Payment, ctx: SerializationContext) -> bytes:
        return encode(value)


class StatusValue(Serializer):  # type: ignore[misc]
    """Writes the order status that follows from a payment."""

    def __call__(self, value: Payment, ctx: SerializationContext) -> bytes:
        status = "PAID" if value.status == "SUCCESS" else "DECLINED"
        return encode(Status(value.order_id, status, datetime.now(UTC).isoformat()))


def main() -> None:
    prefix = os.environ["TOPIC_PREFIX"]
    app = Application(
        broker_address=os.environ["KAFKA_BOOTSTRAP_SERVERS"],
        consumer_group=os.environ["KAFKA_GROUP_ID"],
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=float(os.environ.get("COMMIT_SECONDS", "1.0")),
        auto_create_topics=False,
        use_changelog_topics=False,
        loglevel="WARNING",
        state_dir=tempfile.mkdtemp(prefix="quix-payments-"),
        consumer_extra_config={"fetch.queue.backoff.ms": 5},
        producer_extra_config={
            "linger.ms": int(os.environ.get("LINGER_MS", "5")),
            "retry.backoff.ms": 2,
            "retry.backoff.max.ms": 10,
            "queue.buffering.max.messages": 500_000,
        },
    )
    orders = app.topic(f"{prefix}orders", value_deserializer="bytes", key_deserializer="bytes")
    payments = app.topic(f"{prefix}payments", value_serializer=PaymentValue(), key_serializer="str")
    statuses = app.topic(f"{prefix}order-status", value_serializer=StatusValue(), key_serializer="str")
    charged = app.dataframe(orders).apply(charge)
    charged.to_topic(payments, key=lambda payment: payment.user_id)
    charged.to_topic(statuses, key=lambda payment: payment.order_id)
    app.run()


if __name__ == "__main__":
    main()
