"""Flags made from settings, so that every setting has one, with its own description and default."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Annotated, Any, TypeVar

import typer
from pydantic_core import PydanticUndefined
from rich.markup import escape

from orderflow_process.settings import Settings, load

S = TypeVar("S", bound=Settings)


def command_with_settings(kind: type[S], run: Callable[[S], None], doc: str) -> Callable[..., None]:
    """Return a Typer command that takes every setting of `kind` as a flag, loads them and calls `run`."""

    def command(**flags: Any) -> None:
        run(load(kind, flags))

    # Typer reads parameters off the signature, so a signature is what we write.
    parameters = [
        _parameter(name, info.description or "", info.default) for name, info in kind.model_fields.items()
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    command.__doc__ = doc
    return command


def _parameter(name: str, description: str, default: Any) -> inspect.Parameter:
    shown = "" if default in (None, "", PydanticUndefined) else f" [default: {default}]"
    # Rich would take what stands in brackets for markup and leave it out.
    text = escape(description + shown)
    option = typer.Option(f"--{name.replace('_', '-')}", help=text, show_default=False)
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[str | None, option]
    )
