"""What a foreign producer might write to `orders`: rubbish, impossible orders, a good one without a key."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field

from confluent_kafka import KafkaError, Message, Producer

_GIVE_UP_MS = 120_000
_KINDS = 6


@dataclass(frozen=True, slots=True)
class Foreign:
    """A record for `orders`; `rejected` is what must become of it, else it is an order like any other."""

    key: bytes | None
    value: bytes | None
    rejected: bool = True


def foreign(number: int, user: str) -> Foreign:
    """Return the record of that number, between those of a user whose orders are good."""
    key, order_id = user.encode(), f"FOREIGN-{number}"
    order = {"order_id": order_id, "user_id": user, "amount": 10.5, "items": 2}
    match number % _KINDS:
        case 0:
            return Foreign(key, b"\x00\xff no JSON at all")
        case 1:
            return Foreign(key, json.dumps(order | {"amount": -1}).encode())
        case 2:
            # Nobody else orders as this user: without a key there is no order to keep.
            keyless = order | {"user_id": f"keyless-{number}"}
            return Foreign(None, json.dumps(keyless).encode(), rejected=False)
        case 3:
            return Foreign(key, None)
        case 4:
            return Foreign(key, json.dumps(order | {"order_id": f"not an id {number}"}).encode())
        case _:
            return Foreign(key, b"[" * 5000)


@dataclass
class ForeignProducer:
    """Writes such records, without a transaction and for as long as it takes; counts what the log has."""

    bootstrap_servers: str
    topic: str
    rejected: int = 0
    good: int = 0
    failures: list[str] = field(default_factory=list)
    _number: int = 0

    def __post_init__(self) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "delivery.timeout.ms": _GIVE_UP_MS,
            },
            logger=logging.getLogger("kafka.foreign"),
        )

    def write(self, count: int, user: str) -> None:
        """Hand over the next records; they are counted once they are delivered."""
        for _ in range(count):
            record = foreign(self._number, user)
            self._number += 1

            def delivered(error: KafkaError | None, _record: Message, record: Foreign = record) -> None:
                if error:
                    self.failures.append(f"a foreign record was not delivered: {error.str()}")
                else:
                    self.rejected += record.rejected
                    self.good += not record.rejected

            self._producer.produce(self.topic, record.value, record.key, on_delivery=delivered)
        self._producer.poll(0)

    def finish(self) -> None:
        """Wait until every record is delivered."""
        self._producer.flush(_GIVE_UP_MS / 1000)
