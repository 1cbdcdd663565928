"""Send orders at a steady rate: through the Order Service, or straight to Kafka."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from threading import Event, Lock
from uuid import uuid4

import httpx

from orderflow.cli.errors import CommandFailed
from orderflow.cli.generator import Draft, paced
from orderflow.cli.tally import Tally
from orderflow.events import InvalidEvent, place_order
from orderflow.events.orders import decode_form
from orderflow.streaming.publisher import Publisher
from orderflow.streaming.settings import KafkaSettings

CONNECTIONS = 32
TIMEOUT = 15.0  # seconds for one answer
PATIENCE = 30.0  # seconds an order is tried again while the service answers 503 or not at all

Report = Callable[[Tally], None]


def send_http(
    drafts: Iterator[Draft], url: str, *, rate: float | None, api_key: str | None, report: Report
) -> Tally:
    """Post orders, at most `rate` a second; raise CommandFailed where no Order Service answers."""
    sending = _Sending(
        url, {"X-API-Key": api_key} if api_key else {}, paced(drafts, rate, start=time.monotonic()), report
    )
    sending.greet()
    # Threads, each with a connection of its own: a shared pool spends more time on itself than on orders.
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        senders = [threads.submit(sending.run) for _ in range(CONNECTIONS)]
        try:
            for sender in senders:
                sender.result()
        finally:
            sending.stopped.set()
    return sending.tally


def send_kafka(
    drafts: Iterator[Draft], settings: KafkaSettings, *, rate: float | None, report: Report
) -> Tally:
    """Produce orders, at most `rate` a second, as a foreign producer would; raise BrokerUnavailable."""
    tally = Tally()
    with Publisher(settings, source="orderflow-cli") as publisher:
        for draft, due in paced(drafts, rate, start=time.monotonic()):
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


def _counter(tally: Tally, number: int) -> Callable[[str | None], None]:
    begun = time.monotonic()

    def count(error: str | None) -> None:
        if error is None:
            tally.accept(time.monotonic() - begun)
        else:
            tally.refuse(number, error)

    return count


class _Sending:
    """One run of posting orders, shared by its threads."""

    def __init__(
        self, url: str, headers: dict[str, str], turns: Iterator[tuple[Draft, float]], report: Report
    ) -> None:
        self.tally = Tally()
        self.stopped = Event()
        self._url = url
        self._headers = headers
        self._turns = turns
        self._report = report
        self._lock = Lock()

    def greet(self) -> None:
        """Raise CommandFailed if nobody answers."""
        try:
            httpx.get(f"{self._url}/livez", timeout=TIMEOUT)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise CommandFailed(
                f"No Order Service answers at {self._url} ({type(error).__name__}); start it (make up), "
                "give its --url, or send --to kafka."
            ) from error

    def run(self) -> None:
        """Post one order after the other until there are no more."""
        with httpx.Client(base_url=self._url, headers=self._headers, timeout=TIMEOUT) as client:
            while not self.stopped.is_set():
                with self._lock:
                    draft, due = next(self._turns, (None, 0.0))
                if draft is None:
                    return
                self.stopped.wait(max(0.0, due - time.monotonic()))
                self._post(client, draft)

    def _post(self, client: httpx.Client, draft: Draft) -> None:
        begun = time.monotonic()
        while not self.stopped.is_set():
            why, pause = _try(client, draft)
            seconds = time.monotonic() - begun
            with self._lock:
                if why is None:
                    self.tally.accept(seconds)
                elif pause is None or seconds + pause > PATIENCE:
                    self.tally.refuse(draft.number, why)
                else:
                    self.tally.retried += 1
                self._report(self.tally)
            if why is None or pause is None or seconds + pause > PATIENCE:
                return
            self.stopped.wait(pause)


def _try(client: httpx.Client, draft: Draft) -> tuple[str | None, float | None]:
    """Post an order; return why it was not accepted, and the seconds after which it may be sent again."""
    headers = {"Content-Type": "application/json", "Idempotency-Key": draft.key}
    try:
        answer = client.post("/orders", content=draft.body, headers=headers)
    except httpx.HTTPError as error:
        return f"no answer ({type(error).__name__})", 1.0
    if answer.status_code == 202:
        return None, None
    return _explain(answer), _retry_after(answer) if answer.status_code == 503 else None


def _explain(answer: httpx.Response) -> str:
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text[:200]
    return f"{answer.status_code}: {detail}"


def _retry_after(answer: httpx.Response) -> float:
    found = answer.headers.get("Retry-After", "1")
    return float(found) if found.isdigit() else 1.0
