"""The floor of a transactional answer: how long one transaction of `size` orders and statuses takes.

One producer, transaction after transaction, no HTTP and no waiting for orders. Prints the rounds in
milliseconds as a JSON list.
"""

from __future__ import annotations

import json
import sys
import time

from confluent_kafka import Producer

from bench.load import order_headers, order_value, user_id


def rounds(bootstrap_servers: str, prefix: str, size: int, seconds: float) -> list[float]:
    """Return how long each transaction took, in ms; the first half second is not counted."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap_servers,
            "transactional.id": f"{prefix}bare-round",
            "partitioner": "murmur2_random",
            "linger.ms": 0,
            "retry.backoff.ms": 2,
            "retry.backoff.max.ms": 10,
        }
    )
    producer.init_transactions(30)
    took: list[float] = []
    began = time.perf_counter()
    number = 0
    while time.perf_counter() - began < seconds + 0.5:
        start = time.perf_counter()
        producer.begin_transaction()
        for each in range(number, number + size):
            value, headers = order_value(each), order_headers(each)
            producer.produce(f"{prefix}orders", value, user_id(each), headers=headers)
            producer.produce(f"{prefix}order-status", value[:120], f"ORD-{each}", headers=headers)
        producer.commit_transaction(10)
        number += size
        if start - began >= 0.5:
            took.append(1000 * (time.perf_counter() - start))
    return took


if __name__ == "__main__":
    print(json.dumps(rounds(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
