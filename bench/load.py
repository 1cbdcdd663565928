"""Orders to feed the contenders: the same records for each of them, made from their number alone."""

from __future__ import annotations

import random
from collections.abc import Callable

from confluent_kafka import Producer

USERS = 10_000
_ITEMS = [f"item {number:04d} " + "abcdefgh" * (number % 24) for number in range(1_000)]
SAMPLED_EVERY = 100  # orders; who makes no traces has no use for that
_TIMESTAMP = "2026-01-01T12:00:00.000000Z"

Headers = list[tuple[str, str | bytes | None]]


def user_id(number: int) -> str:
    """Return the user of an order; neighbours in the log are rarely the same user's."""
    return f"user-{number * 7919 % USERS:05d}"


def order_value(number: int) -> bytes:
    """Return an order's record value: about 245 bytes on average, as JSON."""
    return (
        f'{{"order_id":"ORD-{number:012d}-{number % 65_521:05d}","user_id":"{user_id(number)}",'
        f'"amount":{number % 50_000 + 1}.{number % 90 + 10},"items":{number % 9 + 1},'
        f'"timestamp":"{_TIMESTAMP}","item":"{_ITEMS[number % 1_000]}"}}'
    ).encode()


def order_headers(number: int) -> Headers:
    """Return the four headers of the wire contract."""
    return [
        ("correlation_id", f"ORD-{number:012d}-{number % 65_521:05d}".encode()),
        ("timestamp", _TIMESTAMP.encode()),
        ("source", b"order-service"),
        ("traceparent", b"00-%032x-%016x-%02x" % (number + 1, number + 1, number % SAMPLED_EVERY == 0)),
    ]


def feed_producer(bootstrap_servers: str, **config: str | int) -> Producer:
    """Return a producer for orders: Java's partitioner, acknowledged by all replicas."""
    return Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "partitioner": "murmur2_random",
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 5,
            "queue.buffering.max.messages": 200_000,
            **config,
        }
    )


def preload(bootstrap_servers: str, topic: str, count: int, advance: Callable[[int], None]) -> None:
    """Produce the orders 0 .. count-1 and wait until the broker has them; `advance` is told how many."""
    producer = feed_producer(bootstrap_servers)
    chunk = 2_000
    for start in range(0, count, chunk):
        numbers = range(start, min(start + chunk, count))
        for number in numbers:
            _produce(producer, topic, number)
        producer.poll(0)
        advance(len(numbers))
    left = producer.flush(60)
    if left:
        raise TimeoutError(f"{left} of {count} orders were not acknowledged within 60 s")


def _produce(producer: Producer, topic: str, number: int) -> None:
    while True:
        try:
            producer.produce(topic, order_value(number), user_id(number), headers=order_headers(number))
        except BufferError:
            producer.poll(0.1)
        else:
            return


def new_prefix() -> str:
    """Return a topic prefix that no earlier run has used."""
    return f"bench{random.randrange(16**8):08x}."
