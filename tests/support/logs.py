"""What a process would write into its log, and text that a log must not obey."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout

import structlog

HOSTILE = "a\x1b[2J\r\nforged\x00\u202e"
SPELLED_OUT = r"a\x1b[2J\r\nforged\x00\u202e"


class Terminal(io.StringIO):
    """What somebody looks at."""

    def isatty(self) -> bool:
        return True


@contextmanager
def written_logs(
    configure: Callable[[], None], output: Callable[[], io.StringIO] = io.StringIO
) -> Iterator[io.StringIO]:
    """Collect what is logged after `configure` was called; afterwards all is as before."""
    root = logging.getLogger()
    handlers, level, before = root.handlers[:], root.level, structlog.get_config()
    try:
        with redirect_stdout(output()) as written:
            configure()
            yield written
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.configure(**before)
