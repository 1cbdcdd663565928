"""What a dead letter carries: the record as it was, and why it lies here. Pure.

Key, value and original headers are never cut. The `dlq.*` headers are UTF-8 text and together at most 4 KiB,
which the failed-* topics leave room for.
"""

from __future__ import annotations

from dataclasses import dataclass

from orderflow.streaming.codec import RawHeaders
from orderflow.streaming.service import Failure

PREFIX = "dlq."
MAX_HEADER_BYTES = 4096
_MAX_CLASS_BYTES = 256


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a dead letter was read: `timestamp` in ms since the epoch, as Kafka keeps it."""

    topic: str
    partition: int
    offset: int
    timestamp: int
    group: str


def dead_letter_headers(
    received: RawHeaders | None, origin: Origin, failure: Failure
) -> list[tuple[str, bytes | None]]:
    """Return the original headers followed by the `dlq.*` ones.

    A replayed record that fails again keeps one set of `dlq.*` headers, that of its last failure.
    """
    original = [(name, value) for name, value in received or () if not name.startswith(PREFIX)]
    facts = {
        "topic": origin.topic,
        "partition": str(origin.partition),
        "offset": str(origin.offset),
        "timestamp": str(origin.timestamp),
        "group": origin.group,
        "attempts": str(failure.attempts),
        "error.class": cut(type(failure.error).__name__, _MAX_CLASS_BYTES),
    }
    described = [(PREFIX + name, text.encode()) for name, text in facts.items()]
    name = PREFIX + "error.message"
    room = MAX_HEADER_BYTES - len(name) - sum(len(known) + len(value) for known, value in described)
    return [*original, *described, (name, cut(str(failure.error), room).encode())]


def cut(text: str, most: int) -> str:
    """Return `text` shortened to at most `most` bytes of UTF-8, never inside a character."""
    encoded = text.encode("utf-8", "replace")
    return (
        text
        if len(encoded) <= most and encoded.isascii()
        else encoded[: max(most, 0)].decode("utf-8", "ignore")
    )
