"""What a group's committed offset says of a partition, its metadata included. Pure.

A worker whose record waits for another attempt goes on with the records behind it. The committed offset
stays at the first unfinished record, and its metadata says what is finished past it:

    of1;<attempts>;<base64 of a bitmap>[;<takeovers>]

`attempts` at the record at the offset have failed; bit i of the bitmap (bit 0 is the lowest of the first
byte) stands for the offset + i; `takeovers`, if there are any, are owners that began at the offset, got no
further and left without a farewell. Metadata of anybody else is none of ours and means nothing.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass, replace
from typing import Self

_format = re.compile(r"of1;([0-9]{1,9});([A-Za-z0-9+/=]*)(?:;([0-9]{1,9}))?")
# A broker takes 4,096 bytes of metadata (`offset.metadata.max.bytes`).
_MOST_BYTES = 3_900
# How far past the first unfinished record others may be finished: 2,732 characters in base64.
WINDOW = 16_384


@dataclass(frozen=True, slots=True)
class Committed:
    """Where a group stands on a partition: finished below `offset`, and past it where `finished` has a bit.

    `attempts` at the record at `offset` failed, and so many `takeovers` got no further.
    """

    offset: int
    attempts: int = 0
    finished: int = 0
    takeovers: int = 0

    @classmethod
    def read(cls, offset: int, metadata: str | None) -> Self:
        """Return what a committed offset and its metadata say."""
        found = _format.fullmatch(metadata or "")
        if found is None:
            return cls(offset)
        attempts, bitmap, takeovers = found.groups(default="0")
        try:
            finished = int.from_bytes(b64decode(bitmap, validate=True), "little")
        except (Error, ValueError):
            return cls(offset)
        return cls(offset, int(attempts), finished, int(takeovers))

    @property
    def metadata(self) -> str:
        """The metadata to commit with `offset`; raise ValueError if the broker would refuse it."""
        if not (self.attempts or self.finished or self.takeovers):
            return ""
        size = (self.finished.bit_length() + 7) // 8
        text = f"of1;{self.attempts};{b64encode(self.finished.to_bytes(size, 'little')).decode()}"
        if self.takeovers:
            text += f";{self.takeovers}"
        if len(text) > _MOST_BYTES:
            raise ValueError(f"finished {self.finished.bit_length()} offsets ahead, more than {WINDOW}")
        return text

    @property
    def ahead(self) -> int:
        """How many records past `offset` are finished."""
        return self.finished.bit_count()

    def covers(self, offset: int) -> bool:
        """Return whether the record at `offset` is finished."""
        ahead = offset - self.offset
        return ahead < 0 or bool(self.finished >> ahead & 1)

    def without(self, offsets: frozenset[int]) -> Self:
        """Return the same, had the records at `offsets` not been finished."""
        base = min(offsets, default=self.offset)
        if base >= self.offset:
            return replace(self, finished=self.finished & ~_bits(offsets, self.offset))
        gone = self.offset - base
        everything = self.finished << gone | (1 << gone) - 1
        return replace(
            self, offset=base, attempts=0, takeovers=0, finished=everything & ~_bits(offsets, base)
        )


def _bits(offsets: frozenset[int], base: int) -> int:
    bits = 0
    for offset in offsets:
        bits |= 1 << offset - base
    return bits
