"""A dead letter, read from its record, and which of them somebody asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from orderflow.events.topics import FAILED_NOTIFICATIONS, FAILED_ORDERS, FAILED_PAYMENTS
from orderflow.streaming.dead_letters import PREFIX

DEAD_LETTERS = (FAILED_ORDERS, FAILED_PAYMENTS, FAILED_NOTIFICATIONS)

Header = tuple[str, bytes | None]


class Place(msgspec.Struct, frozen=True, order=True):
    """Where a record stands; `topic` is a logical name, without the prefix."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


class Letter(msgspec.Struct, frozen=True):
    """A dead letter: the record as it was, and why it lies here.

    `at` is when it was buried, in ms since the epoch. `source` is where its record was read, None where the
    headers do not say: then nobody can tell where it belongs.
    """

    place: Place
    at: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[Header]
    source: Place | None
    attempts: str
    error_class: str
    error_message: str

    @property
    def reason(self) -> str:
        """The error in one clause."""
        return f"{self.error_class}: {self.error_message}" if self.error_class else "unknown"


def letter_of(
    place: Place,
    at: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[Header],
    prefix: str = "",
) -> Letter:
    """Return the dead letter in a record; `prefix` is what every topic of this pipeline begins with."""
    told = {
        name.removeprefix(PREFIX): (text or b"").decode("utf-8", "replace")
        for name, text in headers
        if name.startswith(PREFIX)
    }
    return Letter(
        place,
        at,
        key,
        value,
        [header for header in headers if not header[0].startswith(PREFIX)],
        _source(told, prefix),
        told.get("attempts", ""),
        told.get("error.class", ""),
        told.get("error.message", ""),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which dead letters are meant; times in ms since the epoch, texts in any case."""

    since: float | None = None
    until: float | None = None
    key: str | None = None
    reason: str | None = None
    letters: frozenset[str] = frozenset()

    def takes(self, letter: Letter) -> bool:
        """Tell whether a letter is meant."""
        return (
            (self.since is None or letter.at >= self.since)
            and (self.until is None or letter.at < self.until)
            and (self.key is None or (letter.key or b"").decode("utf-8", "replace") == self.key)
            and (self.reason is None or self.reason.lower() in letter.reason.lower())
            and (not self.letters or str(letter.place) in self.letters)
        )


def _source(told: dict[str, str], prefix: str) -> Place | None:
    try:
        return Place(told["topic"].removeprefix(prefix), int(told["partition"]), int(told["offset"]))
    except (KeyError, ValueError):
        return None
