"""What can be wrong with a request, as a problem document (RFC 9457). Pure.

4xx  the request has to change: `errors` names each field by its JSONPath, or the header
503  try again after Retry-After; `outcome` tells whether the order may be in the log all the same
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from orderflow.events import InvalidEvent, NotJson

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "1"

Outcome = Literal["unknown", "rejected"]
Reason = Literal[
    "overloaded", "kafka-unavailable", "topics-missing", "rights-missing", "not-committed", "undecided"
]


class Problem(Exception):
    """A request that is answered with a problem document. `kind` names it for programs, for ever."""

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: Mapping[str, str] | None = None,
        **members: Any,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.headers = dict(headers or {})
        self.document: dict[str, Any] = {
            "type": f"urn:orderflow:problem:{kind}",
            "title": title,
            "status": status,
            "detail": detail,
            **members,
        }

    @property
    def raw_headers(self) -> list[tuple[bytes, bytes]]:
        """All its headers, as ASGI sends them."""
        own = [(name.lower().encode(), value.encode()) for name, value in self.headers.items()]
        return [(b"content-type", MEDIA_TYPE.encode()), *own]

    @property
    def body(self) -> bytes:
        return msgspec.json.encode(self.document)


def described(description: str) -> dict[str, Any]:
    """Return how the OpenAPI document tells of an answer that is a problem document."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": description, "content": {MEDIA_TYPE: {"schema": schema}}}


def invalid_order(error: InvalidEvent) -> Problem:
    """Return the problem of a body that is no order: 400 if it is not even JSON, else 422."""
    if isinstance(error, NotJson):
        return Problem(400, "not-json", "The body is not JSON", _sentence(f"The body: {error.problem}"))
    return invalid_field(error.path, error.problem)


def invalid_field(path: str, detail: str) -> Problem:
    """Return the problem of one field (a JSONPath) or header (its name)."""
    return Problem(
        422,
        "invalid-order",
        "The order is not valid",
        _sentence(f"{path}: {detail}"),
        errors=[{"path": path, "detail": detail}],
    )


def unauthorized() -> Problem:
    return Problem(
        401,
        "unauthorized",
        "An API key is needed",
        "Send one of the service's keys in the header X-API-Key.",
        headers={"WWW-Authenticate": 'ApiKey realm="orders"'},
    )


def unsupported_media_type(found: str) -> Problem:
    detail = f"Send the order as application/json, not as {found or 'nothing'}."
    return Problem(415, "not-json-type", "Only JSON is taken", detail, headers={"Accept": "application/json"})


def too_large(detail: str) -> Problem:
    # What the client still sends is not worth reading.
    return Problem(413, "too-large", "The order is too large", detail, headers={"Connection": "close"})


def invalid_query(name: str, detail: str) -> Problem:
    """Return the problem of one query parameter."""
    return Problem(
        422,
        "invalid-query",
        "The question is not valid",
        _sentence(f"{name}: {detail}"),
        errors=[{"path": name, "detail": detail}],
    )


def unknown_order(order_id: str, as_of: str) -> Problem:
    """Return the problem of an order that neither the tables nor this process know."""
    return Problem(
        404,
        "unknown-order",
        "Nothing is known of this order",
        "No record of it has come to the tables, and this process has not accepted it in the last 60 "
        "seconds; it may still exist.",
        headers={"Retry-After": RETRY_AFTER_SECONDS},
        order_id=order_id,
        as_of=as_of,
    )


def tables_away(detail: str) -> Problem:
    """Return the problem of a question to tables that do not answer. Orders are accepted all the same."""
    return Problem(
        503,
        "tables-unavailable",
        "The tables cannot be asked now",
        _sentence(detail),
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


def unavailable(order_id: str, outcome: Outcome, reason: Reason, detail: str) -> Problem:
    """Return the problem of an order that could not be committed, or not for certain."""
    titles = {
        "rejected": "The order was not accepted",
        "unknown": "Whether the order was accepted is unknown",
    }
    advice = "Send it again, with the same Idempotency-Key or order_id."
    return Problem(
        503,
        "unavailable",
        titles[outcome],
        f"{_sentence(detail)} {advice}",
        headers={"Retry-After": RETRY_AFTER_SECONDS},
        order_id=order_id,
        outcome=outcome,
        reason=reason,
    )


def too_many_streams(most: int) -> Problem:
    """Return the problem of a client that wants to look on while as many do as may."""
    return Problem(
        503,
        "too-many-streams",
        "Too many look on",
        f"This process streams events to {most} clients, and no more (API_EVENT_STREAMS).",
        headers={"Retry-After": "10"},
    )


def scaler_away(detail: str) -> Problem:
    """Return the problem of a scaler that gives no decisions."""
    return Problem(
        503,
        "scaler-away",
        "The scaler gives no decisions",
        _sentence(detail),
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


def lag_unknown(detail: str) -> Problem:
    """Return the problem of a lag that no broker has told of since the process began."""
    return Problem(
        503,
        "lag-unknown",
        "The lag is unknown",
        _sentence(detail[:1].upper() + detail[1:]),
        headers={"Retry-After": RETRY_AFTER_SECONDS},
    )


def of_status(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Problem:
    """Return the problem of what the framework refused by status alone (no such path, wrong method)."""
    return Problem(status, f"http-{status}", "The request was refused", _sentence(detail), headers=headers)


def internal() -> Problem:
    return Problem(
        500,
        "internal",
        "The service failed",
        "The service failed and has logged why; the outcome is unknown.",
    )


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
