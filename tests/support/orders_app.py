"""The Order Service in this process, with an intake that does as it is told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx

from orderflow.orders.app import create_app
from orderflow.orders.health import Lifecycle
from orderflow.orders.lag_sampler import Figures, LagUnknown
from orderflow.orders.placing import Placement
from orderflow.orders.settings import OrdersSettings
from orderflow.orders.watch import KafkaState

NO_DATABASE = "sqlite:////nowhere/tables.db"
SHORT = {"user_id": "u1", "item": "tea", "quantity": 3}


class ToldIntake:
    """Accepts everything, or raises `failure`; remembers what it accepted."""

    def __init__(self) -> None:
        self.accepted: list[Placement] = []
        self.failure: Exception | None = None
        self.is_open = True
        self.kafka = KafkaState(reachable=True)

    async def accept(self, placement: Placement, at: datetime) -> None:
        if self.failure is not None:
            raise self.failure
        self.accepted.append(placement)


class ToldLag:
    """Knows the figures it was given, and that it was stopped."""

    def __init__(self) -> None:
        self.told: Figures | None = None
        self.stopped = False

    async def figures(self) -> Figures:
        if self.told is None:
            raise LagUnknown("the broker did not answer")
        return self.told

    def last(self) -> Figures | None:
        return self.told

    def stop(self) -> None:
        self.stopped = True


class App:
    """The application and its intake; every call is a whole request."""

    def __init__(self, **settings: Any) -> None:
        self.intake = ToldIntake()
        self.lifecycle = Lifecycle()
        self.lag = ToldLag()
        made = OrdersSettings(**({"database_url": NO_DATABASE} | settings))
        self.asgi = create_app(self.intake, made, self.lifecycle, lag=self.lag)

    def request(self, method: str, path: str, **content: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.asgi, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
                return await client.request(method, path, **content)

        return asyncio.run(send())

    def close(self) -> None:
        """End what serves beside the intake, as the process does."""
        for end in self.lifecycle.at_end:
            end()

    def get(self, path: str, **content: Any) -> httpx.Response:
        return self.request("GET", path, **content)

    def place(self, order: Any = None, headers: dict[str, str] | None = None) -> httpx.Response:
        return self.request("POST", "/orders", json=SHORT if order is None else order, headers=headers)

    def place_raw(self, body: Any, content_type: str = "application/json") -> httpx.Response:
        """Send a body as it is; an iterator goes in chunks."""
        return self.request("POST", "/orders", content=body, headers={"Content-Type": content_type})


AppFactory = Callable[..., App]
