"""POST /orders.

Placing an order is a bare ASGI application beside the FastAPI one: on this path the framework's layers,
parsing and validation would take most of the time. `openapi` describes it by hand; a test holds the two
together.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime

import msgspec
import structlog
from starlette.types import Message, Receive, Scope, Send

from orderflow.orders import problems
from orderflow.orders.intake import Intake, KafkaAway, RightsMissing, TopicsMissing
from orderflow.orders.metrics import ACCEPTED, REFUSED
from orderflow.orders.placing import Placement, check_media_type, read_placement
from orderflow.orders.problems import Problem
from orderflow.orders.recent import RecentOrders
from orderflow.orders.security import STRICT_HEADERS, Keys
from orderflow.orders.settings import OrdersSettings
from orderflow.streaming.outcomes import Overloaded, RecordTooLarge, Refused, Undecided

log = structlog.get_logger(__name__)


class Accepted(msgspec.Struct):
    """The answer to an order that Kafka has committed."""

    order_id: str
    status: str = "PENDING"
    message: str = "The order is accepted; GET /orders/{order_id} tells where it stands."


_REASONS: dict[type[Refused], problems.Reason] = {
    Overloaded: "overloaded",
    TopicsMissing: "topics-missing",
    RightsMissing: "rights-missing",
    KafkaAway: "kafka-unavailable",
}

_JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


class PlaceOrder:
    """The ASGI application behind POST /orders. 202 means: committed, with its status PENDING."""

    def __init__(self, intake: Intake, recent: RecentOrders, keys: Keys, settings: OrdersSettings) -> None:
        self._intake = intake
        self._recent = recent
        self._keys = keys
        self._most = settings.api_max_body_bytes
        self._unit_price = settings.unit_price

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            order_id = await self._place(dict(scope["headers"]), receive)
        except Problem as problem:
            REFUSED.labels(str(problem.status), problem.document.get("reason", problem.kind)).inc()
            await _answer(send, problem.status, problem.body, problem.raw_headers)
        except ClientGone:
            REFUSED.labels("none", "client-gone").inc()
        except Exception:
            # The edge of this application: nothing is above it but the server.
            log.exception("placing an order failed")
            REFUSED.labels("500", "internal").inc()
            internal = problems.internal()
            await _answer(send, internal.status, internal.body, internal.raw_headers)
        else:
            ACCEPTED.inc()
            location = (b"location", b"/orders/" + order_id.encode())
            await _answer(send, 202, _encode(Accepted(order_id)), [_JSON, location])

    async def _place(self, headers: dict[bytes, bytes], receive: Receive) -> str:
        self._keys.check(headers.get(b"x-api-key"))
        check_media_type(headers)
        body = await self._read(headers, receive)
        at = datetime.now(UTC)
        placement = read_placement(body, headers, received_at=at, unit_price=self._unit_price)
        await self._commit(placement, at)
        order_id = placement.order.order_id
        self._recent.remember(order_id, time.monotonic())
        return order_id

    async def _read(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        """Return the body, however it is cut into chunks; raise the Problem of one that is too large."""
        announced = headers.get(b"content-length")
        if announced is not None and announced.isdigit() and int(announced) > self._most:
            raise self._too_large()
        event = await receive()
        body = _chunk(event)
        while event.get("more_body"):
            event = await receive()
            body += _chunk(event)
            if len(body) > self._most:
                break
        if len(body) > self._most:
            raise self._too_large()
        return body

    def _too_large(self) -> Problem:
        return problems.too_large(f"The body may be {self._most} bytes long, not more.")

    async def _commit(self, placement: Placement, at: datetime) -> None:
        order_id = placement.order.order_id
        try:
            await self._intake.accept(placement, at)
        except RecordTooLarge as error:
            raise problems.too_large(f"The order does not fit Kafka: {error}.") from None
        except Refused as error:
            reason = _REASONS.get(type(error), "not-committed")
            raise problems.unavailable(order_id, "rejected", reason, str(error)) from None
        except Undecided as error:
            raise problems.unavailable(order_id, "unknown", "undecided", str(error)) from None


class ClientGone(Exception):
    """The client hung up before its request was complete."""


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", b"%d" % len(body))
    start = {
        "type": "http.response.start",
        "status": status,
        "headers": [*headers, length, *STRICT_HEADERS],
    }
    await send(start)
    await send({"type": "http.response.body", "body": body})


def _chunk(event: Message) -> bytes:
    if event["type"] == "http.disconnect":
        raise ClientGone
    return bytes(event.get("body", b""))
