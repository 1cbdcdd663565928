"""What the values of a chart are made of: types and meanings, as JSON schema draft 7."""

from pathlib import Path
from typing import Any

Schema = dict[str, Any]

CHARTS = Path(__file__).parents[1]

NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 253}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object"}
KEY: Schema = {"type": "string", "minLength": 1}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}
NAMED: Schema = {
    "type": "array",
    "items": {"type": "object", "required": ["name"], "properties": {"name": KEY}},
}


def described(kind: Schema, description: str, **more: Any) -> Schema:
    """Return a schema with its meaning."""
    return {**kind, **more, "description": description}


def section(description: str, **properties: Schema) -> Schema:
    """Return an object that has these keys and no others."""
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }


def choice(description: str, *values: str) -> Schema:
    """Return a string that is one of these."""
    return {"type": "string", "enum": list(values), "description": description}


def number(description: str, lowest: int, highest: int) -> Schema:
    """Return a whole number within bounds."""
    return {"type": "integer", "minimum": lowest, "maximum": highest, "description": description}


def camel(name: str) -> str:
    """Return a setting's name as the chart has it: log_level is logLevel."""
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)
