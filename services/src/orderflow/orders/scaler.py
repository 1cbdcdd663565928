"""GET /workers: how many workers there are and why, as whoever scales them says at SCALER_URL."""

from __future__ import annotations

import time
from typing import Any

import httpx
from fastapi import APIRouter, Request

from orderflow.orders import problems
from orderflow.orders.security import Keys

# No error: a page that asks again and again would fill the browser's console with it.
NOT_SET = "SCALER_URL is not set: name the operator's endpoint there, and this tells its decisions."

_ANSWER_SECONDS = 2.0
_CACHED_SECONDS = 1.0

_ANSWERS: dict[int | str, dict[str, Any]] = {
    401: problems.described("An API key is needed."),
    503: problems.described("Nobody answers at SCALER_URL."),
}


class ScalerAway(Exception):
    """Nobody answers at SCALER_URL, or not with decisions; the text says which."""


class Scaler:
    """Asks for the last decisions, once a second at most however many want to know."""

    def __init__(self, url: str) -> None:
        self.url = decisions_url(url)
        self._asked_at = 0.0
        self._answer: list[dict[str, Any]] | ScalerAway = []

    async def workers(self) -> list[dict[str, Any]]:
        """Return what is known of each scaled worker; raise ScalerAway."""
        if not self._asked_at or time.monotonic() - self._asked_at > _CACHED_SECONDS:
            # Before the answer is there: others that come meanwhile get the last one.
            self._asked_at = time.monotonic()
            try:
                self._answer = await self._ask()
            except ScalerAway as error:
                self._answer = error
        if isinstance(self._answer, ScalerAway):
            raise self._answer
        return self._answer

    async def _ask(self) -> list[dict[str, Any]]:
        try:
            async with httpx.AsyncClient(timeout=_ANSWER_SECONDS, trust_env=False) as client:
                answer = await client.get(self.url)
                answer.raise_for_status()
                return [_worker(each) for each in answer.json()["decisions"]]
        except httpx.HTTPError as error:
            raise ScalerAway(f"{self.url}: {str(error) or type(error).__name__}") from None
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ScalerAway(f"{self.url} answers with something else than decisions") from None


def decisions_url(url: str) -> str:
    """Return where decisions are: below the URL of an endpoint, unless that says it itself."""
    return url if httpx.URL(url).path.strip("/") else url.rstrip("/") + "/decisions"


def _worker(told: dict[str, Any]) -> dict[str, Any]:
    """Return of one decision what an answer to "why that many?" needs."""
    decision = told["decision"]
    return {
        "name": told["name"],
        "namespace": told.get("namespace"),
        "group": told["group"],
        "replicas": told.get("observedReplicas"),
        "ready": told.get("readyReplicas"),
        "desired": decision["replicas"],
        "reason": decision["reason"],
        "message": decision["message"],
        "lag": told.get("lag"),
        "lag_seconds": told.get("lagSeconds"),
        "decided_at": decision["at"],
    }


def worker_routes(scaler_url: str | None, keys: Keys) -> APIRouter:
    """Return /workers."""
    router = APIRouter(tags=["live"])
    scaler = Scaler(scaler_url) if scaler_url else None

    @router.get("/workers", responses=_ANSWERS)
    async def workers(request: Request) -> dict[str, Any]:
        """Tell how many workers there are, and why that many; `reason` says why nothing is known of them."""
        keys.check_request(request.headers)
        if scaler is None:
            return {"workers": [], "reason": NOT_SET}
        try:
            return {"workers": await scaler.workers(), "reason": None}
        except ScalerAway as error:
            raise problems.scaler_away(str(error)) from None

    return router
