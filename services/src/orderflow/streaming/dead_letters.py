"""What a dead letter carries: the record as it was, and why it lies there. Pure.

Key, value and original headers are never cut. The `dlq.*` headers are UTF-8 text and together at most
4 KiB, which the failed-* topics leave room for.
"""

from __future__ import annotations

from orderflow.streaming.batches import Headers, Record
from orderflow.streaming.service import Failure

PREFIX = "dlq."
MAX_HEADER_BYTES = 4096
_MAX_CLASS_BYTES = 256


def dead_letter_headers(record: Record, group: str, failure: Failure) -> Headers:
    """Return the record's own headers followed by the `dlq.*` ones.

    A replayed record that fails again keeps one set of `dlq.*` headers, that of its last failure.
    """
    topic, partition = record.partition
    facts = {
        "topic": topic,
        "partition": str(partition),
        "offset": str(record.offset),
        "timestamp": str(record.timestamp),
        "group": group,
        "attempts": str(failure.attempts),
        "error.class": cut(type(failure.error).__name__, _MAX_CLASS_BYTES),
    }
    described: Headers = [(PREFIX + name, text.encode()) for name, text in facts.items()]
    last = PREFIX + "error.message"
    room = MAX_HEADER_BYTES - len(last) - sum(len(name) + len(value or b"") for name, value in described)
    original = [header for header in record.headers or () if not header[0].startswith(PREFIX)]
    return [*original, *described, (last, cut(str(failure.error), room).encode())]


def cut(text: str, most: int) -> str:
    """Return `text` shortened to at most `most` bytes of UTF-8, never inside a character."""
    return text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
