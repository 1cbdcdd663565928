"""The settings page: one table for each process, written from the classes that read the settings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_settings import BaseSettings

_COLUMNS = ("Variable", "TOML", "Flag", "Default", "Allowed", "Meaning")


def section(title: str, kind: type[BaseSettings], intro: str, *, flags: bool = True) -> str:
    """Return a heading, an introduction and the table of every setting of `kind`, as Markdown."""
    return f"## {title}\n\n{intro}\n\n{table(kind, flags=flags)}\n"


def table(kind: type[BaseSettings], *, flags: bool = True) -> str:
    """Return the Markdown table of every setting of `kind`, in the order of their declaration.

    Without `flags` for a process whose command takes none.
    """
    properties: Mapping[str, Any] = kind.model_json_schema()["properties"]
    rows = [_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(*each) for each in properties.items())]
    shown = [row if flags else (*row[:2], *row[3:]) for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in shown)


def allowed(schema: Mapping[str, Any]) -> str:
    """Return what a setting takes, from its JSON schema, in a few words."""
    choices = schema.get("anyOf")
    if choices:
        known = [choice for choice in choices if choice["type"] != "null"]
        # A number that may also come as text (an exact decimal) is described by its number.
        return allowed(next((each for each in known if each["type"] == "number"), known[0]))
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    if "pattern" in schema:
        return f"`{schema['pattern']}`"
    kinds = {"boolean": "`true`, `false`", "integer": "whole number", "number": "number", "string": "text"}
    return ", ".join([kinds[schema["type"]], *_bounds(schema)])


def _bounds(schema: Mapping[str, Any]) -> Iterable[str]:
    words = {
        "minimum": "at least {}",
        "exclusiveMinimum": "more than {}",
        "maximum": "at most {}",
        "exclusiveMaximum": "less than {}",
        "maxLength": "at most {} characters",
    }
    for name, word in words.items():
        if name in schema:
            yield word.format(f"{schema[name]:g}" if isinstance(schema[name], float) else schema[name])
    if schema.get("minLength") == 1:
        yield "not empty"


def _cells(name: str, schema: Mapping[str, Any]) -> tuple[str, ...]:
    default = schema.get("default")
    shown = str(default).lower() if isinstance(default, bool) else default
    cells = (
        f"`{name.upper()}`",
        f"`{name}`",
        f"`--{name.replace('_', '-')}`",
        "" if shown in (None, "") else f"`{shown}`",
        allowed(schema),
        schema["description"],
    )
    return tuple(cell.replace("|", "\\|") for cell in cells)
