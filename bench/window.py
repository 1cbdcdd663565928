"""The window of settled orders: how long a worker that takes over reads before it handles an order."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import psutil

from bench.contenders import Contender
from bench.load import order_value
from bench.processes import ContenderFailed
from bench.results import Figures
from bench.scene import Scene
from orderflow.events import decode_order
from orderflow.payments.door import Door
from orderflow.payments.settings import PaymentSettings
from orderflow.payments.window import digest_of
from orderflow.streaming.tail import TailReader

POLL_SECONDS = 0.25


def measure(scene: Scene, contender: Contender, orders: int, advance: Callable[[int], None]) -> Figures:
    """Have `orders` settled, then read back what a new owner of all partitions remembers of them."""
    scene.preload_orders(orders, advance)
    with contender.run(scene) as running:
        deadline = time.monotonic() + 300
        while scene.committed() < orders:
            running.check_alive()
            if time.monotonic() > deadline:
                raise ContenderFailed(f"{running.name} did not finish {orders} orders; see {running.log}")
            time.sleep(POLL_SECONDS)
    settings = PaymentSettings(
        kafka_bootstrap_servers=scene.stage.bootstrap_servers,
        topic_prefix=scene.prefix,
        kafka_group_id=scene.group,
    )
    owned = frozenset(range(settings.partitions))
    door = Door(settings.payment_dedup_window, lambda: TailReader(settings))
    door.reassigned(owned, owned)
    last = decode_order(order_value(orders - 1), received_at=datetime.now(UTC), unit_price=Decimal(1))
    this = psutil.Process()
    occupied, began = this.memory_info().rss, time.monotonic()
    if door.find(last, digest_of(last)) is None:
        raise ContenderFailed("the last order was settled, but is not remembered")
    seconds = time.monotonic() - began
    return {
        "window_seconds": seconds,
        "window_ms_per_partition": 1000 * seconds / len(owned),
        "window_orders": len(door),
        "window_mib": (this.memory_info().rss - occupied) / 2**20,
    }
