"""A steady load of orders over HTTP: clients that send an order until it is accepted, and note every 202."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from itertools import count
from typing import Any, Self

import httpx

_USERS_PER_CLIENT = 5
_ANSWER_SECONDS = 15.0
_AGAIN_SECONDS = 0.2
_LAST_SECONDS = 60.0


class Load:
    """Clients in a thread of their own, `rate` orders a second in all.

    promised: (user_id, order_id) of every order that was answered 202. answers: how often each status
    came; -1 is a connection that broke. unanswered: orders nobody ever confirmed, though they may be in the
    log. refused: answers that no order of this load should get.
    """

    def __init__(self, url: str, *, rate: float, clients: int = 32) -> None:
        self.promised: list[tuple[str, str]] = []
        self.answers: Counter[int] = Counter()
        self.unanswered = 0
        self.refused: list[str] = []
        self._url = url
        self._interval = clients / rate
        self._clients = clients
        self._stop_at = float("inf")
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="load")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop(0.0)
        self._thread.join()

    @property
    def repeated(self) -> int:
        """How many requests were sent again because their outcome was not known or bad."""
        return sum(self.answers.values()) - self.answers[202]

    @property
    def ended(self) -> bool:
        """Tell whether nothing is under way any more."""
        return not self._thread.is_alive()

    def stop(self, within: float = _LAST_SECONDS) -> None:
        """Begin no more orders; those under way have so many seconds to be accepted."""
        self._stop_at = min(self._stop_at, time.monotonic() + within)

    async def _run(self) -> None:
        limits = httpx.Limits(max_connections=self._clients, max_keepalive_connections=self._clients)
        async with httpx.AsyncClient(base_url=self._url, timeout=_ANSWER_SECONDS, limits=limits) as http:
            await asyncio.gather(*(self._client(http, number) for number in range(self._clients)))

    async def _client(self, http: httpx.AsyncClient, client: int) -> None:
        due = time.monotonic() + self._interval * client / self._clients
        for number in count():
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._stop_at < float("inf"):
                return
            await self._place(http, f"user-{client}-{number % _USERS_PER_CLIENT}", f"{client}-{number}")
            # Who had to wait does not catch up: the load is steady, not a flood after each outage.
            due = max(due + self._interval, time.monotonic())

    async def _place(self, http: httpx.AsyncClient, user: str, name: str) -> None:
        """Send one order until it is accepted: the same bytes and the same key each time."""
        order, key = _order(user, name), {"Idempotency-Key": name}
        while time.monotonic() < self._stop_at:
            try:
                answer = await http.post("/orders", json=order, headers=key)
            except httpx.TransportError:
                self.answers[-1] += 1
            else:
                self.answers[answer.status_code] += 1
                if answer.status_code == 202:
                    self.promised.append((user, answer.json()["order_id"]))
                    return
                if answer.status_code != 503:
                    self.refused.append(f"an order was answered {answer.status_code}: {answer.text}")
                    return
            await asyncio.sleep(_AGAIN_SECONDS)
        self.unanswered += 1


def _order(user: str, name: str) -> dict[str, Any]:
    """Return an order in one of the forms the API takes."""
    number = sum(name.encode())
    if number % 2:
        return {"user_id": user, "item": "tea", "quantity": 1 + number % 7}
    return {"user_id": user, "amount": f"{number}.25", "items": 3}
