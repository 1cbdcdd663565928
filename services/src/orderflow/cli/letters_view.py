"""Dead letters as a person and as a script read them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orderflow.cli.records import decoded, time_text
from orderflow.replay.letters import Letter
from orderflow.replay.plan import Markers, was_replayed
from orderflow_process.text import printable

_SHOWN = 60  # characters of a reason in a table


def cells(one: Letter) -> tuple[str, str, str, str, str, str]:
    """Return a letter as a row: letter, when it was buried, key, where it is from, attempts, reason."""
    reason = printable(one.reason)
    return (
        str(one.place),
        time_text(one.at),
        printable(decoded(one.key)),
        _origin(one),
        one.attempts,
        reason if len(reason) <= _SHOWN else f"{reason[: _SHOWN - 1]}…",
    )


def facts(one: Letter) -> Iterator[tuple[str, str]]:
    """Yield everything about a letter but its value, a name and a text each."""
    yield "letter", str(one.place)
    yield "buried", time_text(one.at)
    yield "from", _origin(one)
    yield "attempts", one.attempts
    yield "reason", one.reason
    yield "key", decoded(one.key)
    for name, value in one.headers:
        yield name, decoded(value)


def document(one: Letter, markers: Markers) -> dict[str, Any]:
    """Return a letter as JSON; `markers` say which were replayed."""
    return {
        "letter": str(one.place),
        "buried": time_text(one.at),
        "key": None if one.key is None else decoded(one.key),
        "from": str(one.source) if one.source else None,
        "attempts": one.attempts,
        "class": one.error_class,
        "message": one.error_message,
        "value": None if one.value is None else decoded(one.value),
        "replayed": was_replayed(one, markers),
    }


def _origin(one: Letter) -> str:
    return str(one.source) if one.source else "unknown"
