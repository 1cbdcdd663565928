"""How the service is: a summary for people, two probes for Kubernetes, numbers for Prometheus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST

from orderflow.orders.intake import SERVICE, Intake
from orderflow.orders.metrics import exposition
from orderflow.orders.settings import OrdersSettings


@dataclass(slots=True)
class Lifecycle:
    """How far the process is: written at its edge, read by the probes. `live()` asks the watchdogs.

    `at_end` are called when no request is left: they end what serves beside the intake.
    """

    stopping: bool = False
    live: Callable[[], bool] = lambda: True
    at_end: list[Callable[[], None]] = field(default_factory=list)


def health_routes(intake: Intake, lifecycle: Lifecycle, settings: OrdersSettings) -> APIRouter:
    """Return /health, /livez, /readyz and /metrics."""
    router = APIRouter(tags=["health"])

    def waits_for() -> str | None:
        if lifecycle.stopping:
            return "nothing: it is stopping"
        if intake.kafka.waits_for is not None:
            return intake.kafka.waits_for
        return None if intake.is_open else "a transactional producer"

    @router.get("/health")
    async def health() -> dict[str, Any]:
        """Summarise the state of the service, whatever it is."""
        kafka, reason = intake.kafka, waits_for()
        return {
            "status": "ok" if reason is None else "degraded",
            "service": SERVICE,
            "instance": settings.instance_name,
            "accepts_orders": reason is None,
            "waits_for": reason,
            "kafka": {
                "bootstrap_servers": settings.kafka_bootstrap_servers,
                "reachable": kafka.reachable,
                "missing_topics": list(kafka.lacking.topics),
                "missing_rights": list(kafka.lacking.rights),
            },
        }

    @router.get("/livez", responses={503: {"description": "Commits make no progress."}})
    async def livez() -> JSONResponse:
        """Tell whether the process works at all; if not, start it again."""
        return _verdict("alive", None if lifecycle.live() else "commits make no progress")

    @router.get("/readyz", responses={503: {"description": "Not now; `reason` says what is missing."}})
    async def readyz() -> JSONResponse:
        """Tell whether orders would be accepted now."""
        reason = waits_for()
        return _verdict("ready", None if reason is None else f"waits for {reason}")

    @router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
    def metrics() -> Response:
        """Tell the numbers, in Prometheus' text format."""
        return Response(exposition(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return router


def _verdict(good: str, reason: str | None) -> JSONResponse:
    if reason is None:
        return JSONResponse({"status": good})
    return JSONResponse({"status": "failed", "reason": reason}, status_code=503)
