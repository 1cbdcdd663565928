"""The Order Service as a process, and clients that keep it busy."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from itertools import count
from typing import Any

import httpx
from support.pipeline import Pipeline, ServiceProcess

from orderflow_local.net import free_port


class OrderService:
    """`orderflow run orders` on a port of its own; probes and metrics are there too."""

    def __init__(self, pipeline: Pipeline, name: str = "", **settings: object) -> None:
        port = free_port()
        groups = {
            "payment_group": pipeline.group("payments"),
            "notification_group": pipeline.group("notifications"),
            "analytics_group": pipeline.group("analytics"),
        }
        self.process: ServiceProcess = pipeline.start("orders", name, api_port=port, **groups, **settings)
        self.process.port = port
        self.url = f"http://127.0.0.1:{port}"

    def wait_ready(self) -> OrderService:
        self.process.wait_ready()
        return self

    def place(self, order: Any, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.post(f"{self.url}/orders", json=order, headers=named, timeout=30)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", timeout=30)

    def place_together(self, orders: list[dict[str, Any]]) -> list[httpx.Response]:
        """Place many at the same moment, each on a connection of its own; answers in their order."""

        async def send() -> list[httpx.Response]:
            limits = httpx.Limits(max_connections=len(orders))
            async with httpx.AsyncClient(base_url=self.url, limits=limits, timeout=60) as client:
                return await asyncio.gather(*(client.post("/orders", json=order) for order in orders))

        return asyncio.run(send())


class Clients:
    """Clients that place one order after the other, on connections kept open, until they are stopped.

    Each rests for `pause` seconds behind every answer.

    `accepted` holds the ids that were answered 202, `answers` counts every status, and -1 for a
    connection that broke before the answer was there.
    """

    def __init__(self, service: OrderService, connections: int, pause: float = 0.0) -> None:
        self.accepted: list[str] = []
        self.answers: Counter[int] = Counter()
        self._pause = pause
        self._numbers = count()
        self._stopping = False
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run(service.url, connections)))

    def __enter__(self) -> Clients:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stopping = True
        self._thread.join()

    async def _run(self, url: str, connections: int) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:
            await asyncio.gather(*(self._client(client, user) for user in range(connections)))

    async def _client(self, client: httpx.AsyncClient, user: int) -> None:
        while not self._stopping:
            order = {"user_id": f"user-{user}", "item": "tea", "quantity": 1}
            key = {"Idempotency-Key": f"key-{next(self._numbers)}"}
            try:
                answer = await client.post("/orders", json=order, headers=key)
            except httpx.TransportError:
                self.answers[-1] += 1
                # Nobody listens: try again in a moment, as a client would.
                await asyncio.sleep(0.05)
                continue
            self.answers[answer.status_code] += 1
            if answer.status_code == 202:
                self.accepted.append(answer.json()["order_id"])
            await asyncio.sleep(self._pause)
