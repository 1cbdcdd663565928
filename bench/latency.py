"""Latency at a steady rate: from the produce call for an order until its payment can be read committed."""

from __future__ import annotations

import threading
import time

import msgspec
from confluent_kafka import Consumer, Message

from bench.contenders import Contender
from bench.load import feed_producer, order_headers, order_value, user_id
from bench.peers.one_user_waits import WAITING_ORDER, WAITING_USER
from bench.processes import ContenderFailed, Running
from bench.results import Figures
from bench.scene import Scene
from bench.stats import percentile
from orderflow.events.topics import ORDERS, PAYMENTS

TICK_SECONDS = 0.002
WARM_SECONDS = 4.0


class _PaymentId(msgspec.Struct):
    order_id: str


class Arrivals:
    """Reads payments on a thread of its own and notes when each order's payment was there."""

    def __init__(self, scene: Scene) -> None:
        self.at: dict[int, float] = {}
        self._decode = msgspec.json.Decoder(_PaymentId).decode
        self._stop = threading.Event()
        self._consumer = Consumer(
            {
                "bootstrap.servers": scene.stage.bootstrap_servers,
                "group.id": f"{scene.prefix}reader",
                "isolation.level": "read_committed",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 50,
            }
        )
        self._consumer.subscribe([scene.topic(PAYMENTS)])
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def await_order(self, number: int, running: Running, within: float) -> None:
        """Wait until the payment of an order is there; raise ContenderFailed if it does not come."""
        deadline = time.monotonic() + within
        while number not in self.at:
            running.check_alive()
            if time.monotonic() > deadline:
                raise ContenderFailed(
                    f"no payment for order {number} within {within:.0f} s; see {running.log}"
                )
            time.sleep(0.01)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self._consumer.close()

    def _read(self) -> None:
        while not self._stop.is_set():
            record = self._consumer.poll(0.1)
            if record is not None and record.error() is None:
                self._note(record)

    def _note(self, record: Message) -> None:
        _, _, number = self._decode(record.value() or b"").order_id.partition("-")
        if number:
            self.at.setdefault(int(number.partition("-")[0]), time.perf_counter())


def measure(scene: Scene, contender: Contender, rate: int, seconds: float) -> Figures:
    """Feed a contender `rate` orders a second; the first seconds only warm it up.

    One order lies there before: that of the user who waits all the time, where the contender lets one wait.
    """
    producer = feed_producer(scene.stage.bootstrap_servers)
    producer.produce(scene.topic(ORDERS), WAITING_ORDER, WAITING_USER)
    producer.flush(10)
    with contender.run(scene) as running:
        arrivals = Arrivals(scene)
        try:
            return _feed(scene, running, arrivals, rate, seconds)
        finally:
            arrivals.close()


def _feed(scene: Scene, running: Running, arrivals: Arrivals, rate: int, seconds: float) -> Figures:
    producer = feed_producer(scene.stage.bootstrap_servers, **{"linger.ms": 0})
    topic = scene.topic(ORDERS)

    def send(number: int) -> float:
        at = time.perf_counter()
        producer.produce(topic, order_value(number), user_id(number), headers=order_headers(number))
        return at

    send(0)
    arrivals.await_order(0, running, within=60)
    warm, count = int(rate * WARM_SECONDS), int(rate * (WARM_SECONDS + seconds))
    before, began = running.cost(scene.stage.broker), time.perf_counter()
    sent: list[float] = [began]
    while len(sent) < count:
        due = min(count, int((time.perf_counter() - began) * rate) + 1)
        sent.extend(send(number) for number in range(len(sent), due))
        producer.poll(0)
        time.sleep(TICK_SECONDS)
    cost, took = running.cost(scene.stage.broker).since(before), time.perf_counter() - began
    producer.flush(10)
    for number in range(1, count):
        arrivals.await_order(number, running, within=30)
    waits = sorted(1000 * (arrivals.at[number] - sent[number]) for number in range(warm, count))
    return {
        "p50_ms": percentile(waits, 0.5),
        "p99_ms": percentile(waits, 0.99),
        "orders_per_second": count / took,
        "cpu_ms_per_order": 1000 * cost.measured / count,
        "broker_cpu_ms_per_order": 1000 * cost.broker / count,
        "foreign_cores": cost.foreign / took,
    }
