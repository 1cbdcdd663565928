"""Structured logs: one JSON object a line (names of the Elastic Common Schema), or columns for eyes.

Lines of libraries that use the standard `logging` come out the same way.
"""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orderflow_process.text import printable

Format = Literal["json", "console"]

# What reads as several lines, by name; anywhere else a line break would forge a line.
_LINES = ("exception", "stack")


def configure_logs(service: str, level: str = "INFO", form: Format = "json") -> None:
    """Send every log line of this process to standard output, in the given form."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
        structlog.processors.StackInfoRenderer(),
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, _as_ecs(service), structlog.processors.JSONRenderer()]
        if form == "json"
        else [
            structlog.processors.format_exc_info,
            _escape_controls,
            structlog.dev.ConsoleRenderer(
                timestamp_key="@timestamp",
                colors=sys.stdout.isatty(),
                exception_formatter=structlog.dev.plain_traceback,
            ),
        ]
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


def _as_ecs(service: str) -> Processor:
    names = {
        "event": "message",
        "level": "log.level",
        "logger": "log.logger",
        "exception": "error.stack_trace",
    }

    def rename(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
        renamed = {names.get(name, name): value for name, value in line.items()}
        return {"@timestamp": renamed.pop("@timestamp", None), **renamed, "service.name": service}

    return rename


def _escape_controls(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    # An item called "\x1b[2J" must not clear the reader's screen; JSON escapes by itself.
    line["event"] = str(line["event"])
    return {
        name: printable(value, kept="\n" if name in _LINES else "") if isinstance(value, str) else value
        for name, value in line.items()
    }
