"""Structured logs of the operator and of the libraries in it: JSON lines, or columns for eyes."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_NAMES = {
    "event": "message",
    "level": "log.level",
    "logger": "log.logger",
    "exception": "error.stack_trace",
}


def configure_logs(level: str, form: Literal["json", "console"]) -> None:
    """Send every log line of this process to standard output."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="@timestamp"),
        structlog.processors.format_exc_info,
    ]
    last: list[Processor] = (
        [_as_ecs, structlog.processors.JSONRenderer()]
        if form == "json"
        else [structlog.dev.ConsoleRenderer(timestamp_key="@timestamp", colors=sys.stdout.isatty())]
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
    # kopf tells of every object it sees; what we do with it is told by ourselves.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, root.level))


def _as_ecs(_logger: WrappedLogger, _method: str, line: EventDict) -> EventDict:
    renamed = {_NAMES.get(name, name): value for name, value in line.items()}
    renamed.pop("k8s_skip", None)
    return {"@timestamp": renamed.pop("@timestamp", None), **renamed, "service.name": "orderflow-operator"}
