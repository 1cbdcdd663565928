"""GET /events: what goes on, as server-sent events.

`hello`    first: `resumed` says whether Last-Event-ID was understood, `at` what time it is here
`tick`     some times a second while something happens, else once: counts, latency, records; see `digest`
`dropped`  how many ticks this client was too slow for
"""

import time
from collections.abc import AsyncIterator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from orderflow.orders import problems
from orderflow.orders.live.broadcast import Broadcast, Told, Watching
from orderflow.orders.security import Keys
from orderflow.orders.settings import OrdersSettings

_RETRY_MS = 1_000
_ANSWERS: dict[int | str, dict[str, Any]] = {
    401: problems.described("An API key is needed."),
    422: problems.described("Too many `follow`."),
    503: problems.described("As many look on as may (API_EVENT_STREAMS)."),
}
_Followed = Annotated[
    list[str],
    Query(
        alias="follow",
        max_length=8,
        description="Beginnings of order ids: records of these orders are never left out.",
    ),
]


def live_routes(broadcast: Broadcast, keys: Keys, settings: OrdersSettings) -> APIRouter:
    """Return /events."""
    router = APIRouter(tags=["live"])

    async def seat(request: Request, follow: _Followed = []) -> AsyncIterator[Watching]:  # noqa: B006
        """Check the key and take part; refuse before the stream begins, leave when it is over."""
        keys.check_request(request.headers)
        if broadcast.listeners >= settings.api_event_streams:
            raise problems.too_many_streams(settings.api_event_streams)
        with broadcast.joined([each for each in follow if each]) as watching:
            yield watching

    @router.get("/events", response_class=EventSourceResponse, responses=_ANSWERS)
    async def events(
        watching: Annotated[Watching, Depends(seat)],
        last_event_id: Annotated[str | None, Header(description="Where to go on.")] = None,
    ) -> AsyncIterator[ServerSentEvent]:
        """Tell what goes on in the pipeline, from now on, as server-sent events."""
        async for told in broadcast.tell(watching, last_event_id):
            yield _event(told)

    return router


def _event(told: Told) -> ServerSentEvent:
    if told.tick is not None:
        return ServerSentEvent(event="tick", id=told.id, raw_data=told.tick)
    if told.lost:
        return ServerSentEvent(event="dropped", data={"ticks": told.lost})
    return ServerSentEvent(event="hello", data={"resumed": told.resumed, "at": time.time()}, retry=_RETRY_MS)
