"""The OpenAPI document of what is asked: schemas from the types of the answers, and examples."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

import msgspec

from orderflow.orders import openapi_examples as examples
from orderflow.orders.lag import Lag
from orderflow.orders.problems import MEDIA_TYPE
from orderflow.tables.answers import OrderState, SentNotification, Statistics

Schema = dict[str, Any]

RETRY_AFTER: Schema = {"Retry-After": {"description": "Seconds.", "schema": {"type": "integer"}}}
_NEEDS_KEY = "An API key is needed."


def _schemas() -> Schema:
    """Return the schemas of all answers by name, from their types."""
    answers = (Lag, OrderState, Sequence[SentNotification], Statistics)
    _, found = msgspec.json.schema_components(answers, ref_template="#/components/schemas/{name}")
    for schema in found.values():
        schema["description"] = cleandoc(schema.get("description", ""))
        for field in schema.get("properties", {}).values():
            for kind in (field, *field.get("anyOf", ())):
                # Amounts go out as numbers, not as the text that is the default for exact decimals.
                if kind.get("format") == "decimal":
                    kind["type"] = "number"
                    del kind["format"]
    return found


SCHEMAS = _schemas()


def answer(description: str, schema: str, media_type: str = "application/json", **further: Any) -> Schema:
    """Return a response whose body has the schema of that name; `further` may hold an example."""
    content = {media_type: {"schema": {"$ref": f"#/components/schemas/{schema}"}, **further}}
    return {"description": description, "content": content}


def problem(description: str) -> Schema:
    """Return a response that is a problem document."""
    return answer(description, "Problem", MEDIA_TYPE)


def describe_queries(paths: Schema, security: list[Schema]) -> None:
    """Add to each path what the framework does not know of it."""
    for path, found in _ANSWERS.items():
        refused = {"401": problem("An API key is needed.")}
        paths[path]["get"] |= {"security": security, "responses": found | refused}


_AWAY = problem("The tables cannot be asked now; orders are accepted all the same.") | {
    "headers": RETRY_AFTER
}
_LIST = {"type": "array", "items": {"$ref": "#/components/schemas/SentNotification"}}
_LINK = {"Link": {"description": 'The next page, as `<...>; rel="next"`.', "schema": {"type": "string"}}}

_ANSWERS: Schema = {
    "/orders/{order_id}": {
        "200": answer("What is known of the order.", "OrderState", example=examples.ORDER),
        "404": problem("Nothing is known of this order, yet.") | {"headers": RETRY_AFTER},
        "503": _AWAY,
    },
    "/notifications": {
        "200": {
            "description": "A page of notifications.",
            "headers": _LINK,
            "content": {"application/json": {"schema": _LIST, "example": examples.NOTIFICATIONS}},
        },
        "422": problem("A parameter is not valid; `errors` says which."),
        "503": _AWAY,
    },
    "/stats/payments": {
        "200": answer("Payments and orders, counted.", "Statistics", example=examples.STATISTICS),
        "503": _AWAY,
    },
    "/metrics/lag": {
        "200": answer("The last figures, looked at once a second.", "Lag", example=examples.LAG),
        "503": problem("No broker has answered yet.") | {"headers": RETRY_AFTER},
    },
}
