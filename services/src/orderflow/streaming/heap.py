"""The heap of the C library, set up for a process that reads from Kafka and writes to it."""

from __future__ import annotations

import ctypes
from contextlib import suppress

_M_MXFAST = 1  # glibc's malloc.h


def free_small_blocks_at_once() -> None:
    """Let glibc keep no fast bins; other C libraries have none.

    Whenever it frees a large block it clears all fast bins (mallopt(3), M_MXFAST). A consumer frees a fetched
    response every few milliseconds, and by then the producer has filled them again: 5 % of a loop with a
    backlog went there.
    """
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MXFAST, 0)
