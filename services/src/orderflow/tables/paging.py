"""Where the next page of notifications begins, as a text nobody has to understand. Pure."""

from __future__ import annotations

import re
from typing import NamedTuple, Self

# Of hexadecimal digits 16, 8 and 16: every such text is a place, and each part fits the tables' columns.
CURSOR_PATTERN = "^[0-9a-f]{16}[0-7][0-9a-f]{7}[0-7][0-9a-f]{15}$"
_EPOCH = 2**63  # so that times before 1970, as of a record without one, have digits too
_is_cursor = re.compile(CURSOR_PATTERN, re.ASCII).fullmatch


class Place(NamedTuple):
    """A notification's place among all: newest first is downwards."""

    at_ms: int
    partition: int
    offset: int

    @classmethod
    def read(cls, cursor: str) -> Self:
        """Return the place a cursor stands for; raise ValueError for any other text."""
        if not _is_cursor(cursor):
            raise ValueError(f"not 40 hexadecimal digits of a place: {cursor!r}")
        return cls(int(cursor[:16], 16) - _EPOCH, int(cursor[16:24], 16), int(cursor[24:], 16))

    @property
    def cursor(self) -> str:
        return f"{self.at_ms + _EPOCH:016x}{self.partition:08x}{self.offset:016x}"
