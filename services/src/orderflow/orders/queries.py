"""GET /orders/{order_id}, /notifications and /stats/payments: what the tables tell.

The process that accepted an order answers for it until the tables have it, or while they cannot be asked.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlencode

import msgspec
from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response

from orderflow.events.base import is_identifier
from orderflow.orders import problems
from orderflow.orders.recent import RecentOrders
from orderflow.orders.security import Keys
from orderflow.orders.tables import Tables, TablesAway
from orderflow.streaming.codec import rfc3339
from orderflow.tables.answers import OrderState
from orderflow.tables.paging import CURSOR_PATTERN, Place
from orderflow.tables.queries import Ends, find_order, newest_notifications, statistics

_encode = msgspec.json.Encoder(decimal_format="number").encode

Limit = Annotated[int, Query(ge=1, le=100, description="Most of them in one answer.")]
UserId = Annotated[
    str | None, Query(pattern="^[A-Za-z0-9._:@-]{1,128}$", description="Only those of this user.")
]
Cursor = Annotated[
    str | None,
    Query(pattern=CURSOR_PATTERN, description="From the `Link` of the page before; means nothing by itself."),
]


def query_routes(
    tables: Tables, recent: RecentOrders, keys: Keys, latest_ends: Callable[[], Ends | None]
) -> APIRouter:
    """Return the routes; `latest_ends()` is what Kafka said lately of the partitions the tables read."""
    router = APIRouter(dependencies=[Depends(keys.of_request)])

    @router.get("/orders/{order_id}", tags=["orders"])
    async def get_order(order_id: str) -> Response:
        """Tell where an order stands."""
        now = datetime.now(UTC)
        accepted_here = recent.knows(order_id, time.monotonic())
        state, as_of = None, now
        if is_identifier(order_id):
            try:
                state, as_of = await tables.ask(lambda connection: find_order(connection, order_id, now))
            except TablesAway as away:
                if not accepted_here:
                    raise problems.tables_away(str(away)) from None
        if state is None and not accepted_here:
            raise problems.unknown_order(order_id, rfc3339(as_of))
        return _json(state or OrderState(order_id, "PENDING", now))

    @router.get("/notifications", tags=["notifications"])
    async def notifications(limit: Limit = 10, user_id: UserId = None, cursor: Cursor = None) -> Response:
        """List notifications, the newest first; the header `Link` leads to the next page."""
        after = None if cursor is None else Place.read(cursor)
        try:
            page, last = await tables.ask(
                lambda connection: newest_notifications(connection, limit, user_id, after)
            )
        except TablesAway as away:
            raise problems.tables_away(str(away)) from None
        answer = _json(page)
        if last is not None:
            wanted = {"limit": limit, "user_id": user_id, "cursor": last.cursor}
            query = urlencode({name: value for name, value in wanted.items() if value is not None})
            answer.headers["Link"] = f'</notifications?{query}>; rel="next"'
        return answer

    @router.get("/stats/payments", tags=["statistics"])
    async def payment_statistics() -> Response:
        """Count payments and orders, all as of one moment."""
        now, ends = datetime.now(UTC), latest_ends()
        try:
            return _json(await tables.ask(lambda connection: statistics(connection, now, ends)))
        except TablesAway as away:
            raise problems.tables_away(str(away)) from None

    return router


def _json(answer: object) -> Response:
    return Response(_encode(answer), media_type="application/json")
