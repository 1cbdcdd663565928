"""Intake: how fast analytics takes everything that happens to orders into its tables, on SQLite."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from confluent_kafka import Producer

from bench.contenders import Contender
from bench.load import feed_producer, order_value, user_id
from bench.results import Figures
from bench.scene import Scene
from bench.throughput import await_commit

RECORDS_OF_AN_ORDER = 5
_AT = "2026-01-01T12:00:00.000000Z"
_CHUNK = 1_000


def measure(scene: Scene, contender: Contender, orders: int, advance: Callable[[int], None]) -> Figures:
    """Have every record of `orders` in the topics, and take them in; return the rate past a tenth of them."""
    _preload(scene, orders, advance)
    # The service takes a group of its own name only.
    scene.group = f"analytics-{scene.prefix[:-1]}"
    records = orders * RECORDS_OF_AN_ORDER
    with TemporaryDirectory(prefix="orderflow-bench-") as folder:
        database = {"DATABASE_URL": f"sqlite:///{Path(folder, 'tables.db')}"}
        placed = replace(contender, environment={**contender.environment, **database})
        with placed.run(scene) as running:
            first = await_commit(scene, running, records // 10)
            last = await_commit(scene, running, records)
            rss = max(running.rss_mib())
        written = sum(file.stat().st_size for file in Path(folder).iterdir())
    taken, seconds = last.committed - first.committed, last.at - first.at
    cost = last.cost.since(first.cost)
    return {
        "records_per_second": taken / seconds,
        "cpu_us_per_record": 1e6 * cost.measured / taken,
        "rss_mib": rss,
        "bytes_per_order": written / orders,
        "foreign_cores": cost.foreign / seconds,
    }


def _preload(scene: Scene, orders: int, advance: Callable[[int], None]) -> None:
    """Produce what the services write about each order, topic by topic in turns, as a backlog lies there."""
    producer = feed_producer(scene.stage.bootstrap_servers, **{"queue.buffering.max.messages": 500_000})
    for start in range(0, orders, _CHUNK):
        numbers = range(start, min(start + _CHUNK, orders))
        for number in numbers:
            _produce(producer, scene, number)
        producer.flush(60)
        advance(len(numbers) * RECORDS_OF_AN_ORDER)


def _produce(producer: Producer, scene: Scene, number: int) -> None:
    order_id, user = f"ORD-{number:012d}-{number % 65_521:05d}", user_id(number)
    said = f'"order_id":"{order_id}","user_id":"{user}","status":"SUCCESS"'
    paid = f'{{{said},"amount":{number % 50_000 + 1}.50,"payment_id":"PAY-{number}","attempts":1}}'
    told = f'{{{said},"message":"Your payment for order {order_id} was successful.","type":"EMAIL"}}'
    status = f'{{"order_id":"{order_id}","status":"%s","updated_at":"{_AT}"}}'
    producer.produce(scene.topic("orders"), order_value(number), user)
    producer.produce(scene.topic("order-status"), (status % "PENDING").encode(), order_id)
    producer.produce(scene.topic("payments"), paid.encode(), user)
    producer.produce(scene.topic("order-status"), (status % "PAID").encode(), order_id)
    producer.produce(scene.topic("notifications"), told.encode(), user)
