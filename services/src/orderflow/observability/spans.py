"""A span as this code makes it: small, and without the SDK. Pure.

Names and attributes are those of OpenTelemetry's conventions for messaging and HTTP.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

import msgspec

Kind = Literal["server", "producer", "consumer", "client"]
Attributes = Mapping[str, str | int]
Common = tuple[tuple[str, str], ...]


class Flags(msgspec.Struct, frozen=True):
    """The flags of a trace context, as the SDK asks for them."""

    sampled: bool = True


class Context(msgspec.Struct, frozen=True, gc=False):
    """Which span of which trace; where there is a span it is a sampled one."""

    trace_flags: ClassVar[Flags] = Flags()
    trace_id: int
    span_id: int


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Work that has ended; times in ns since the epoch. `parent` and `links` are spans of any process.

    `common` are the attributes that it shares with many others, which are therefore encoded once.
    """

    name: str
    kind: Kind
    context: Context
    start: int
    end: int
    attributes: Attributes
    common: Common = ()
    parent: Context | None = None
    parent_is_remote: bool = False
    links: tuple[Context, ...] = ()
    error: str | None = None
