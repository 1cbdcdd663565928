"""The payment job on Quix Streams, exactly once; run by an interpreter of its own (quix_requirements.txt).

Decoding, validating, charging and encoding are the very functions of our service, without its window of
settled orders, so that the comparison is one of runtimes.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from quixstreams import Application
from quixstreams.models import SerializationContext, Serializer

from orderflow.events import Event, encode
from orderflow.payments.gateway import SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.streaming.service import Delivery, Outcome, WithHeaders

service = payment_service(SimulatedGateway(success_rate=0.8), unit_price=Decimal("9.99"))


def pay(value: bytes) -> Sequence[Event]:
    """Return the payment of an order, and where the order stands with it."""
    now = datetime.now(UTC)
    return [event_of(each) for each in service.react(service.decode(value, now), Delivery(now, 1))]


def event_of(outcome: Outcome) -> Event:
    """Return an event without the headers that are its own: Quix passes those of the order on."""
    return outcome.event if isinstance(outcome, WithHeaders) else outcome


class ValueOf(Serializer):  # type: ignore[misc]  # typed only where Quix is installed
    """Writes one of the events."""

    def __init__(self, place: int) -> None:
        self._place = place

    def __call__(self, value: Sequence[Event], ctx: SerializationContext) -> bytes:
        return encode(value[self._place])


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
    payments = app.topic(f"{prefix}payments", value_serializer=ValueOf(0), key_serializer="str")
    statuses = app.topic(f"{prefix}order-status", value_serializer=ValueOf(1), key_serializer="str")
    paid = app.dataframe(orders).apply(pay)
    paid.to_topic(payments, key=lambda events: events[0].key)
    paid.to_topic(statuses, key=lambda events: events[1].key)
    app.run()


if __name__ == "__main__":
    main()
