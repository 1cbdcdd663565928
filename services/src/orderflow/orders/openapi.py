"""The OpenAPI document: what FastAPI finds out by itself, and POST /orders, which it does not see."""

from __future__ import annotations

from typing import Any, get_args

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from orderflow.events.money import MAX_AMOUNT
from orderflow.events.orders import MAX_ITEM_LENGTH, MAX_ITEMS
from orderflow.orders.openapi_queries import RETRY_AFTER, SCHEMAS, answer, describe_queries, problem
from orderflow.orders.problems import Outcome, Reason
from orderflow.orders.settings import OrdersSettings

Schema = dict[str, Any]

_IDENTIFIER: Schema = {"type": "string", "pattern": "^[A-Za-z0-9._:@-]{1,128}$"}
_COUNT: Schema = {
    "type": "integer",
    "minimum": 1,
    "maximum": MAX_ITEMS,
    "description": "A whole number, written without a decimal point.",
}
_ITEM: Schema = {"type": "string", "minLength": 1, "maxLength": MAX_ITEM_LENGTH}
_AMOUNT: Schema = {
    "description": f"0 < amount <= {MAX_AMOUNT}, at most two decimal places; as a number or in quotes.",
    "anyOf": [
        {"type": "integer", "minimum": 1, "maximum": int(MAX_AMOUNT)},
        {"type": "number", "minimum": 0.01, "maximum": float(MAX_AMOUNT), "multipleOf": 0.01},
        {"type": "string", "pattern": r"^([1-9][0-9]{0,9}(\.[0-9]{1,2})?|0\.[1-9][0-9]?|0\.0[1-9])$"},
    ],
}
_NOTHING: Schema = {"type": "null", "description": "Belongs to the other form."}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_COMMON: Schema = {
    "order_id": _or_null(_IDENTIFIER) | {"description": "The client's own id; else one is made."},
    "user_id": _IDENTIFIER | {"description": "Orders of one user stay in order."},
    "timestamp": _or_null({"type": "string", "format": "date-time"}) | {"description": "Default: now."},
}

_SCHEMAS: Schema = {
    "Order": {
        "type": "object",
        "title": "An order",
        "required": ["user_id", "amount", "items"],
        "properties": _COMMON
        | {"amount": _AMOUNT, "items": _COUNT, "item": _or_null(_ITEM), "quantity": _NOTHING},
    },
    "ShortOrder": {
        "type": "object",
        "title": "An order in the short form",
        "description": "items = quantity, amount = quantity x UNIT_PRICE.",
        "required": ["user_id", "item", "quantity"],
        "properties": _COMMON | {"item": _ITEM, "quantity": _COUNT, "items": _NOTHING},
        # Inside allOf, since Swagger UI calls a schema with a bare `not` "never".
        "allOf": [{"not": {"required": ["amount"]}}],
    },
    "Accepted": {
        "type": "object",
        "required": ["order_id", "status", "message"],
        "properties": {
            "order_id": _IDENTIFIER,
            "status": {"const": "PENDING"},
            "message": {"type": "string"},
        },
    },
    "Problem": {
        "type": "object",
        "title": "A problem (RFC 9457)",
        "required": ["type", "title", "status", "detail"],
        "properties": {
            "type": {"type": "string", "format": "uri"},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {
                "type": "array",
                "description": "What to change: the JSONPath of a field, or the name of a header.",
                "items": {
                    "type": "object",
                    "required": ["path", "detail"],
                    "properties": {"path": {"type": "string"}, "detail": {"type": "string"}},
                },
            },
            "order_id": {"type": "string"},
            "outcome": {
                "enum": list(get_args(Outcome)),
                "description": "`rejected`: certainly not accepted. `unknown`: it may have been; send it "
                "again with the same Idempotency-Key or order_id, or it may be placed twice.",
            },
            "reason": {"enum": list(get_args(Reason))},
            "as_of": {"type": "string", "format": "date-time"},
        },
    },
}

_EXAMPLES: Schema = {
    "full": {"summary": "Amount and items", "value": {"user_id": "u-17", "amount": 19.99, "items": 2}},
    "short": {
        "summary": "The short form",
        "value": {"order_id": "o-1", "user_id": "u-17", "item": "tea", "quantity": 3},
    },
}


def describe(app: FastAPI, settings: OrdersSettings) -> None:
    """Make `app.openapi()` tell the whole API."""

    def openapi() -> Schema:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app, settings)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _document(app: FastAPI, settings: OrdersSettings) -> Schema:
    document = get_openapi(
        title="Orderflow",
        version="1",
        summary="Takes orders, exactly once.",
        routes=app.routes,
    )
    components = document.setdefault("components", {})
    components["schemas"] = _SCHEMAS | SCHEMAS
    components["securitySchemes"] = {"ApiKey": {"type": "apiKey", "in": "header", "name": "X-API-Key"}}
    security: list[Schema] = [{"ApiKey": []}] if settings.accepted_keys else [{}, {"ApiKey": []}]
    document["paths"]["/orders"] = {"post": _post_order() | {"security": security}}
    for path in ("/events", "/workers"):
        document["paths"][path]["get"]["security"] = security
    describe_queries(document["paths"], security)
    return document


def _post_order() -> Schema:
    either = {"anyOf": [{"$ref": "#/components/schemas/Order"}, {"$ref": "#/components/schemas/ShortOrder"}]}
    return {
        "tags": ["orders"],
        "summary": "Place an order",
        "description": "202 means that the order is committed. Unknown fields are dropped. With neither "
        "`order_id` nor `Idempotency-Key`, a request that is sent twice may be two orders.",
        "operationId": "place_order",
        "parameters": [
            _header("Idempotency-Key", _IDENTIFIER, "The same user and key give the same order_id, always."),
            _header("X-Correlation-ID", {"type": "string"}, "Goes along with the order; default: order_id."),
            _header("traceparent", {"type": "string"}, "W3C trace context, passed on if valid."),
        ],
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": either, "examples": _EXAMPLES}},
        },
        "responses": {
            "202": answer("Kafka has committed the order.", "Accepted")
            | {"headers": {"Location": {"schema": {"type": "string"}}}},
            "400": problem("The body is not JSON."),
            "401": problem("An API key is needed."),
            "413": problem("The body or a record of it is too large."),
            "415": problem("The body does not say that it is application/json."),
            "422": problem("The order is not valid; `errors` says where."),
            "503": problem("Not now: see `outcome`.") | {"headers": RETRY_AFTER},
        },
    }


def _header(name: str, schema: Schema, description: str) -> Schema:
    return {"name": name, "in": "header", "required": False, "schema": schema, "description": description}
