"""Structured logs: one JSON object a line (names of the Elastic Common Schema), or columns for eyes.

Lines of libraries that use the standard `logging` come out the same way.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Literal

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orderflow_process.ecs import FIELDS, VERSION, field
from orderflow_process.text import printable

Format = Literal["auto", "json", "console"]
Context = Callable[[], Mapping[str, object]]

# What reads as several lines, by name; anywhere else a line break would forge a line.
_LINES = ("exception", "stack")

# Which process wrote a line: told once by the name of its file, not in every line that is shown.
_PROCESS = ("ecs.version", "service.name", "service.node.name", "process.pid")
_NAMES = {FIELDS[name]: name for name in ("event", "level", "logger", "exception")}


def configure_logs(
    service: str,
    level: str = "INFO",
    form: Format = "json",
    *,
    instance: str | None = None,
    context: Context = dict,
) -> None:
    """Send every log line of this process to standard output, in the given form.

    `auto` is columns on a terminal, else JSON. `context()` returns what is known of the work at hand.
    """
    if form == "auto":
        form = "console" if sys.stdout.isatty() else "json"
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
        _with(context),
        structlog.processors.StackInfoRenderer(),
        _name_error,
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = (
        [_as_ecs(service, instance), structlog.processors.JSONRenderer()]
        if form == "json"
        else [_escape_controls, _columns(colours=sys.stdout.isatty())]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def readable(line: str, *, colours: bool) -> str:
    """Return a line of a log file as columns, unless it is no JSON of ours: then as it is."""
    try:
        told = msgspec.json.decode(line, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return line
    if "message" not in told or "@timestamp" not in told:
        return line
    shown = {_NAMES.get(name, name): value for name, value in told.items() if name not in _PROCESS}
    return str(_columns(colours=colours)(None, "", _escape_controls(None, "", shown)))


def _columns(*, colours: bool) -> structlog.dev.ConsoleRenderer:
    return structlog.dev.ConsoleRenderer(
        timestamp_key="@timestamp", colors=colours, exception_formatter=structlog.dev.plain_traceback
    )


def _with(context: Context) -> Processor:
    def add(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        return {**context(), **line}

    return add


def _name_error(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    found = line.get("exc_info")
    error = found[1] if isinstance(found, tuple) else sys.exc_info()[1] if found is True else found
    if isinstance(error, BaseException):
        line["error_type"] = type(error).__name__
    return line


def _as_ecs(service: str, instance: str | None) -> Processor:
    process: dict[str, object] = {"ecs.version": VERSION, "service.name": service, "process.pid": os.getpid()}
    if instance:
        process["service.node.name"] = instance

    def rename(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        at = line.pop("@timestamp", None)
        known = {FIELDS[name]: value for name, value in line.items() if name in FIELDS}
        labels = {field(name): str(value) for name, value in line.items() if name not in FIELDS}
        return {"@timestamp": at, **known, **labels, **process}

    return rename


def _escape_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    # An item called "\x1b[2J" must not clear the reader's screen; JSON escapes by itself.
    line["event"] = str(line["event"])
    return {
        name: printable(value, kept="\n" if name in _LINES else "") if isinstance(value, str) else value
        for name, value in line.items()
    }
