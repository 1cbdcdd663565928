"""The request that places an order, as the beginning of a trace or the next step of its caller's."""

from __future__ import annotations

import time

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderflow.events.topics import ORDER_STATUS, ORDERS
from orderflow.observability.requests import RequestSpans
from orderflow.observability.traceparent import TRACEPARENT
from orderflow.observability.tracing import tracer_of
from orderflow.orders.health import Lifecycle
from orderflow.orders.intake import SERVICE
from orderflow.orders.settings import OrdersSettings

_HEADER = TRACEPARENT.encode()


def traced(app: ASGIApp, settings: OrdersSettings, lifecycle: Lifecycle) -> ASGIApp:
    """Return the application with spans around its requests, where there is somebody to take them."""
    tracer = tracer_of(SERVICE, settings.instance_name, settings)
    if tracer is None:
        return app
    lifecycle.at_end.append(tracer.close)
    topics = (settings.topic_prefix + ORDERS, settings.topic_prefix + ORDER_STATUS)
    return TracedRequests(app, RequestSpans(tracer, topics=topics, client_id=settings.instance_name))


class TracedRequests:
    """Hands a sampled request on with a trace context of our own, which its records then carry."""

    def __init__(self, app: ASGIApp, spans: RequestSpans) -> None:
        self._app = app
        self._spans = spans

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        span = self._spans.begin(next((value for name, value in headers if name == _HEADER), None))
        if span is None:
            await self._app(scope, receive, send)
            return

        async def receiving() -> Message:
            event = await receive()
            span.received = time.time_ns()
            return event

        async def answering(event: Message) -> None:
            if event["type"] == "http.response.start":
                span.status, span.answered = event["status"], time.time_ns()
            await send(event)

        others = [header for header in headers if header[0] != _HEADER]
        own = {**scope, "headers": [*others, (_HEADER, span.traceparent)]}
        try:
            await self._app(own, receiving, answering)
        finally:
            self._spans.end(span)
