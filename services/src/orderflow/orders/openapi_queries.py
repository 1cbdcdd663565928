"""The OpenAPI document of what is asked: schemas from the types of the answers, and examples."""

from __future__ import annotations

from typing import Any

import msgspec

from orderflow.orders.lag import Lag
from orderflow.orders.problems import MEDIA_TYPE

Schema = dict[str, Any]

RETRY_AFTER: Schema = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_NEEDS_KEY = "An API key is needed."

_, SCHEMAS = msgspec.json.schema_components((Lag,), ref_template="#/components/schemas/{name}")

_LAG_EXAMPLE: Schema = {
    "as_of": "2026-11-22T20:15:04.120Z",
    "age_seconds": 0.412,
    "stale": False,
    "reason": None,
    "groups": [
        {
            "group": "payment-service",
            "state": "Stable",
            "lag": 3,
            "problems": [],
            "topics": ["orders"],
            "members": [
                {
                    "client_id": "payments-0",
                    "member_id": "q8Y0x2C4TJmXyVdF3w6qSA",
                    "host": "127.0.0.1",
                    "assignment": [["orders", 0]],
                }
            ],
            "seconds": 0.731,
            "incomplete": False,
            "partitions": [
                {
                    "topic": "orders",
                    "partition": 0,
                    "committed": 1204,
                    "start": 0,
                    "end": 1207,
                    "lag": 3,
                    "seconds": 0.731,
                    "incomplete": False,
                    "owner": "payments-0",
                    "reason": "behind",
                }
            ],
        }
    ],
}


def answer(description: str, schema: str, media_type: str = "application/json", **further: Any) -> Schema:
    """Return a response whose body has the schema of that name; `further` may hold an example."""
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}, **further}}
    return {"description": description, "content": content}


def problem(description: str) -> Schema:
    """Return a response that is a problem document."""
    return answer(description, "Problem", MEDIA_TYPE)


def describe_queries(paths: Schema, security: list[Schema]) -> None:
    """Add to each path what the framework does not know of it."""
    paths["/metrics/lag"]["get"] |= {
        "security": security,
        "responses": {
            "200": answer("The last figures, looked at once a second.", "Lag", example=_LAG_EXAMPLE),
            "401": problem(_NEEDS_KEY),
            "503": problem("No broker has answered yet.") | {"headers": RETRY_AFTER},
        },
    }
