"""Send orders at a steady rate: through the Order Service, or straight to Kafka."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

import httpx

from orderflow.cli.errors import CommandFailed
from orderflow.cli.generator import Draft
from orderflow.cli.tally import Tally
from orderflow.events import InvalidEvent, place_order
from orderflow.events.orders import decode_form
from orderflow.streaming.publisher import Publisher
from orderflow.streaming.settings import KafkaSettings

CONNECTIONS = 32
PATIENCE = 30.0  # seconds an order is tried again while the service answers 503 or not at all

Report = Callable[[Tally], None]


async def send_http(
    drafts: Iterator[Draft], url: str, *, rate: float | None, api_key: str | None, report: Report
) -> Tally:
    """Post orders, at most `rate` a second; raise CommandFailed where no Order Service answers."""
    tally = Tally()
    turns = _paced(drafts, rate)
    headers = {"X-API-Key": api_key} if api_key else {}
    limits = httpx.Limits(max_connections=CONNECTIONS)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=15.0) as client:
        await _greet(client, url)

        async def sender() -> None:
            for draft, due in turns:
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                await _post(client, draft, tally)
                report(tally)

        await asyncio.gather(*(sender() for _ in range(CONNECTIONS)))
    return tally


def send_kafka(
    drafts: Iterator[Draft], settings: KafkaSettings, *, rate: float | None, report: Report
) -> Tally:
    """Produce orders, at most `rate` a second, as a foreign producer would; raise BrokerUnavailable."""
    tally = Tally()
    with Publisher(settings, source="orderflow-cli") as publisher:
        for draft, due in _paced(drafts, rate):
            publisher.wait(max(0.0, due - time.monotonic()))
            at = datetime.now(UTC)
            try:
                form = decode_form(draft.body)
                order_id = form.order_id or f"ORD-{uuid4()}"
                order = place_order(form, order_id=order_id, received_at=at, unit_price=Decimal("1.00"))
            except InvalidEvent as error:
                tally.refuse(draft.number, str(error))
                continue
            publisher.publish(order, correlation_id=order_id, at=at, done=_counter(tally, draft.number))
            report(tally)
        publisher.flush()
    return tally


def _paced(drafts: Iterator[Draft], rate: float | None) -> Iterator[tuple[Draft, float]]:
    """Yield each draft with the time (monotonic, seconds) at which it is due."""
    start = time.monotonic()
    for turn, draft in enumerate(drafts):
        yield draft, start + turn / rate if rate else start


def _counter(tally: Tally, number: int) -> Callable[[str | None], None]:
    begun = time.monotonic()

    def count(error: str | None) -> None:
        if error is None:
            tally.accept(time.monotonic() - begun)
        else:
            tally.refuse(number, error)

    return count


async def _greet(client: httpx.AsyncClient, url: str) -> None:
    try:
        await client.get("/livez")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise CommandFailed(
            f"No Order Service answers at {url} ({type(error).__name__}); start it (make up), "
            "give its --url, or send --to kafka."
        ) from error


async def _post(client: httpx.AsyncClient, draft: Draft, tally: Tally) -> None:
    begun = time.monotonic()
    headers = {"Content-Type": "application/json", "Idempotency-Key": draft.key}
    while True:
        why, pause = "", 1.0
        try:
            answer = await client.post("/orders", content=draft.body, headers=headers)
        except httpx.HTTPError as error:
            why = f"no answer ({type(error).__name__})"
        else:
            if answer.status_code == 202:
                return tally.accept(time.monotonic() - begun)
            why, pause = _explain(answer), _retry_after(answer)
            if answer.status_code != 503:
                return tally.refuse(draft.number, why)
        if time.monotonic() - begun + pause > PATIENCE:
            return tally.refuse(draft.number, why)
        tally.retried += 1
        await asyncio.sleep(pause)


def _explain(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    return f"{answer.status_code}: {detail}"


def _retry_after(answer: httpx.Response) -> float:
    found = answer.headers.get("Retry-After", "1")
    return float(found) if found.isdigit() else 1.0
