"""The common way to put orders into Kafka over HTTP: FastAPI, pydantic, produce, await the delivery report.

No transaction and one record an order, where our service commits two. Delivery reports come on a thread of
their own and wake the event loop once a poll, and the garbage collector is tamed: both help this peer.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated

import uvicorn
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from fastapi import FastAPI
from pydantic import BaseModel, Field

Identifier = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:@-]{1,128}$")]
Delivered = tuple["asyncio.Future[None]", KafkaError | None]


class OrderForm(BaseModel):
    user_id: Identifier
    order_id: Identifier | None = None
    amount: Annotated[Decimal, Field(gt=0, max_digits=12, decimal_places=2)]
    items: Annotated[int, Field(ge=1)]
    timestamp: datetime | None = None
    item: str | None = None


class Order(OrderForm):
    order_id: str
    timestamp: datetime


class Accepted(BaseModel):
    order_id: str
    status: str
    message: str


class Bridge:
    """Turns delivery reports, which come on a thread, into futures of the event loop."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "partitioner": "murmur2_random",
                "enable.idempotence": True,
                "linger.ms": 1,
            }
        )
        self._loop = asyncio.get_running_loop()
        self._reports: list[Delivered] = []
        self._stopping = False
        self._thread = threading.Thread(target=self._poll, daemon=True)
        self._thread.start()

    async def publish(self, topic: str, key: str, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Return once all replicas have the record."""
        delivered: asyncio.Future[None] = self._loop.create_future()

        def report(error: KafkaError | None, _: Message) -> None:
            self._reports.append((delivered, error))

        self._producer.produce(topic, value, key, headers=list(headers), on_delivery=report)
        await delivered

    def close(self) -> None:
        self._stopping = True
        self._thread.join(5)
        self._producer.flush(5)

    def _poll(self) -> None:
        while not self._stopping:
            self._producer.poll(0.1)
            if self._reports:
                reports, self._reports = self._reports, []
                self._loop.call_soon_threadsafe(_settle, reports)


def _settle(reports: list[Delivered]) -> None:
    for delivered, error in reports:
        if delivered.done():
            continue
        if error is None:
            delivered.set_result(None)
        else:
            delivered.set_exception(KafkaException(error))


def create_app(bootstrap_servers: str, topic: str) -> FastAPI:
    """Return the application: POST /orders answers 202 once the broker has the order."""
    bridges: list[Bridge] = []

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        bridges.append(Bridge(bootstrap_servers))
        gc.freeze()
        gc.set_threshold(50_000, 10, 10)
        yield
        bridges.pop().close()

    app = FastAPI(lifespan=lifespan)

    @app.post("/orders", status_code=202)
    async def place_order(form: OrderForm) -> Accepted:
        now = datetime.now(UTC)
        order_id = form.order_id or f"ORD-{uuid.uuid4()}"
        fields = form.model_dump() | {"order_id": order_id, "timestamp": form.timestamp or now}
        order = Order.model_construct(**fields)
        headers = [
            ("correlation_id", order_id.encode()),
            ("timestamp", now.isoformat().encode()),
            ("source", b"order-service"),
            ("traceparent", f"00-{uuid.uuid4().hex}-{uuid.uuid4().hex[:16]}-01".encode()),
        ]
        value = order.model_dump_json().encode()
        await bridges[0].publish(topic, order.user_id, value, headers)
        return Accepted(order_id=order_id, status="PENDING", message="Order accepted")

    @app.get("/readyz")
    async def ready() -> str:
        return "ready"

    return app


def main() -> None:
    app = create_app(os.environ["KAFKA_BOOTSTRAP_SERVERS"], f"{os.environ['TOPIC_PREFIX']}orders")
    uvicorn.run(
        app, host="127.0.0.1", port=int(os.environ["API_PORT"]), access_log=False, log_level="warning"
    )


if __name__ == "__main__":
    main()
