"""How a mapping becomes a value: one error that says where, what is wrong and what is allowed. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, TypeVar

import msgspec

_AT = re.compile(r"^(?P<what>.*?)(?: - at `\$\.?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(?P<name>.*)`")
_MISSING = re.compile(r"Object missing required field `(?P<name>.*)`")


class SpecError(ValueError):
    """A field of a resource is wrong; its text is one sentence: the path, and what is allowed there."""

    def __init__(self, path: str, problem: str) -> None:
        super().__init__(f"{path}: {problem}")
        self.path = path
        self.problem = problem


class SpecPart(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """A part of a spec: immutable, camelCase on the wire, no field that we would ignore."""


Part = TypeVar("Part", bound=SpecPart)


def parsed(kind: type[Part], value: Mapping[str, Any], at: str = "spec") -> Part:
    """Return `value` as a `kind`; raise SpecError with the path of a bad field, beginning at `at`."""
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise _explained(kind, str(error), at) from None


def _explained(kind: type[SpecPart], text: str, at: str) -> SpecError:
    match = _AT.match(text)
    what, path = (match["what"], match["path"] or "") if match else (text, "")
    where = f"{at}.{path}" if path else at
    if unknown := _UNKNOWN.match(what):
        near = get_close_matches(unknown["name"], _names(kind), n=1)
        guess = f", did you mean {near[0]}" if near else ""
        return SpecError(f"{where}.{unknown['name']}", f"there is no such field{guess}")
    if missing := _MISSING.match(what):
        return SpecError(f"{where}.{missing['name']}", "is required")
    return SpecError(where, what[:1].lower() + what[1:].replace("`", ""))


def _names(kind: type[SpecPart]) -> list[str]:
    """Return the field names of a part and of the parts in it: what a misspelled one may have meant."""
    found: list[str] = []
    for field in msgspec.structs.fields(kind):
        found.append(field.encode_name)
        inner = [one for one in (field.type, *getattr(field.type, "__args__", ())) if isinstance(one, type)]
        found += [name for one in inner if issubclass(one, SpecPart) for name in _names(one)]
    return found
