"""GET /metrics/lag: how far behind the pipeline's groups are, from figures that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Protocol

import msgspec
from fastapi import APIRouter, Depends
from fastapi.responses import Response

from orderflow.events.groups import ANALYTICS, NOTIFICATION_SERVICE, PAYMENT_SERVICE
from orderflow.orders import problems
from orderflow.orders.lag_sampler import Figures, LagSampler, LagUnknown
from orderflow.orders.security import Keys
from orderflow.orders.settings import OrdersSettings
from orderflow.streaming.codec import rfc3339
from orderflow.streaming.groups import pipeline_groups
from orderflow.streaming.lag import LagClient
from orderflow.tables.queries import End, Ends
from orderflow_lag.document import LagDocument

_ANSWER_SECONDS = 3.0

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class LagSource(Protocol):
    """Where the figures come from."""

    async def figures(self) -> Figures:
        """Return the last figures; raise LagUnknown."""

    def last(self) -> Figures | None:
        """Return what is there already; the first question begins to look."""

    def stop(self) -> None:
        """End what makes the figures."""


@dataclass(frozen=True, slots=True)
class Lag:
    """The lag of this system's consumer groups, as of a moment that is `age_seconds` ago.

    `stale`: the brokers have told nothing newer for more than three seconds; `reason` says why, if known.
    """

    as_of: Moment
    age_seconds: float
    stale: bool
    reason: str | None
    groups: Sequence[LagDocument]


def open_sampler(settings: OrdersSettings) -> LagSampler:
    """Return a sampler of the pipeline's groups; it begins with the first question."""
    names = {
        PAYMENT_SERVICE: settings.payment_group,
        NOTIFICATION_SERVICE: settings.notification_group,
        ANALYTICS: settings.analytics_group,
    }
    groups = pipeline_groups(settings.topic_prefix, names)
    return LagSampler(lambda: LagClient(settings, groups, _ANSWER_SECONDS))


def ends_of(figures: Figures | None, group: str) -> Ends | None:
    """Return what Kafka said of every partition that a group reads, None if that is not all known now."""
    if figures is None or figures.stale:
        return None
    ours = next((one for one in figures.groups if one.group == group), None)
    if ours is None or ours.lag is None:
        return None
    return {
        (one.topic, one.partition): End(one.committed, one.end or 0, one.lag or 0) for one in ours.partitions
    }


def lag_routes(source: LagSource, keys: Keys) -> APIRouter:
    """Return GET /metrics/lag."""
    router = APIRouter(tags=["health"], dependencies=[Depends(keys.of_request)])

    @router.get("/metrics/lag")
    async def lag() -> Response:
        """Tell how far behind each consumer group is, by topic and partition."""
        try:
            seen = await source.figures()
        except LagUnknown as error:
            raise problems.lag_unknown(str(error)) from None
        answer = Lag(rfc3339(seen.at), round(seen.age_seconds, 3), seen.stale, seen.trouble, seen.groups)
        return Response(msgspec.json.encode(answer), media_type="application/json")

    return router
