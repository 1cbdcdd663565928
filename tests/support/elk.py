"""Log lines held against what Elasticsearch would take by the index template that is shipped."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parents[2] / "deploy/observability/elk"
_TEXTS = {"keyword", "wildcard", "match_only_text"}
_INTEGERS = {"integer": 2**31, "long": 2**63}


def index_template() -> Mapping[str, Any]:
    """Return the template as it is shipped."""
    template: dict[str, Any] = json.loads((FOLDER / "index-template.json").read_text())
    return template


def field_types() -> dict[str, str]:
    """Return the type of every field that the template names."""
    return dict(_flat(index_template()["template"]["mappings"]["properties"]))


def refused(line: Mapping[str, object], types: Mapping[str, str]) -> list[str]:
    """Return what a strict mapping would refuse of a log line, as sentences; labels take any text."""
    return [
        f"{name}={value!r} is no {types.get(name, 'field of the template')}"
        for name, value in line.items()
        if not (name.startswith("labels.") and isinstance(value, str))
        and not _fits(value, types.get(name, ""))
    ]


def _flat(properties: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, declared in properties.items():
        if "properties" in declared:
            yield from _flat(declared["properties"], f"{prefix}{name}.")
        else:
            yield prefix + name, declared["type"]


def _fits(value: object, kind: str) -> bool:
    if value is None:
        return bool(kind)
    if isinstance(value, list):
        return all(_fits(each, kind) for each in value)
    if kind in _INTEGERS:
        return type(value) is int and abs(value) < _INTEGERS[kind]
    if kind == "double":
        return type(value) in (int, float)
    if kind == "boolean":
        return type(value) is bool
    if kind == "date":
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    return kind in _TEXTS and isinstance(value, str)
