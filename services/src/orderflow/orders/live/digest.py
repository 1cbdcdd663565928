"""From records to ticks: every record is counted, some are shown. Pure: times come in.

A browser cannot draw thousands of orders a second. A tick has exact counts for all of them, and the records
of a few orders: some that came just now, each with everything that follows on it, and those that a client
follows.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Sequence
from typing import Any

import msgspec

from orderflow.events.topics import (
    FAILED_NOTIFICATIONS,
    FAILED_ORDERS,
    FAILED_PAYMENTS,
    NOTIFICATIONS,
    ORDER_STATUS,
    ORDERS,
    PAYMENTS,
)
from orderflow.orders.live.latency import CHARGED, PLACED, TOLD, Latencies
from orderflow.streaming.batches import Record
from orderflow.streaming.dead_letters import PREFIX

DEAD_LETTERS = (FAILED_ORDERS, FAILED_PAYMENTS, FAILED_NOTIFICATIONS)

# Every topic that is read, with how many of the last offsets of a partition come first: dead letters are few
# and old ones matter too. Every second offset may be a transaction's marker.
TOPICS = dict.fromkeys((ORDERS, PAYMENTS, NOTIFICATIONS, ORDER_STATUS), 0) | dict.fromkeys(DEAD_LETTERS, 20)

# Orders picked to be shown, in a second, and how long one stays picked while others are.
SHOWN_A_SECOND = 8
_MOST_PICKED = 2_000
_MOST_LETTERS = 50
_MOST_TEXT = 300

_STAGES = {ORDERS: PLACED, PAYMENTS: CHARGED, NOTIFICATIONS: TOLD}


class _Value(msgspec.Struct, gc=False):
    """What is shown of any event; the rest of a value is dropped."""

    order_id: str
    user_id: str | None = None
    status: str | None = None
    amount: float | str | None = None
    items: int | None = None
    item: str | None = None
    quantity: int | None = None
    reason: str | None = None
    message: str | None = None


_decode = msgspec.json.Decoder(_Value).decode


class Digest:
    """Takes records, cuts ticks. `prefix` stands before the topics' names; times are in seconds (epoch)."""

    def __init__(self, prefix: str, now: float) -> None:
        self._prefix = prefix
        self._since = self._second_since = self._began = now
        self._counts: Counter[str] = Counter()
        self._shown: list[dict[str, Any]] = []
        self._letters = 0
        self._left_out = 0
        self._room = SHOWN_A_SECOND
        self._picked: OrderedDict[str, None] = OrderedDict()
        self._latencies = Latencies()

    @property
    def has_news(self) -> bool:
        """Whether anything came since the last tick."""
        return bool(self._counts or self._shown)

    def take(self, record: Record, now: float, followed: tuple[str, ...] = ()) -> None:
        """Count a record, and show it if it is of interest; `followed` are beginnings of order ids."""
        topic = record.partition[0][len(self._prefix) :]
        if topic in DEAD_LETTERS:
            self._take_letter(topic, record)
            return
        self._counts[topic] += 1
        value = _read(record.value)
        if value is None:
            return
        if topic == PAYMENTS:
            self._counts["paid" if value.status == "SUCCESS" else "declined"] += 1
        stage = _STAGES.get(topic)
        if stage is not None:
            self._latencies.note(value.order_id, stage, record.timestamp, now)
        if value.order_id.startswith(followed) or self._is_picked(topic, value):
            self._shown.append(_shown(topic, record) | _told(value))
        elif topic == ORDERS:
            self._left_out += 1

    def cut(self, now: float, problem: str | None = None) -> dict[str, Any]:
        """Return the tick since the last one and begin the next."""
        tick = {
            "at": round(now, 3),
            "seconds": round(now - self._since, 3),
            "counts": dict(self._counts),
            "latency": self._latencies.told(now),
            "records": self._shown,
            "left_out": self._left_out,
            "problem": problem,
        }
        self._counts, self._shown, self._letters, self._left_out = Counter(), [], 0, 0
        self._since = now
        if now - self._second_since >= 1:
            self._second_since, self._room = now, SHOWN_A_SECOND
        return tick

    def _is_picked(self, topic: str, value: _Value) -> bool:
        """Return whether an order is shown: from its first record on, if there is room at that moment."""
        if value.order_id in self._picked:
            return True
        is_first = topic == ORDERS or (topic == ORDER_STATUS and value.status == "PENDING")
        if not is_first or self._room == 0:
            return False
        self._room -= 1
        self._picked[value.order_id] = None
        if len(self._picked) > _MOST_PICKED:
            self._picked.popitem(last=False)
        return True

    def _take_letter(self, topic: str, record: Record) -> None:
        # The last ones from before are shown as well, but did not happen just now.
        if record.timestamp >= self._began * 1000:
            self._counts[topic] += 1
        if self._letters >= _MOST_LETTERS:
            self._left_out += 1
            return
        self._letters += 1
        self._shown.append(_shown(topic, record) | _told(_read(record.value)) | _why(record))


def _read(value: bytes | None) -> _Value | None:
    try:
        return _decode(value or b"")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _shown(topic: str, record: Record) -> dict[str, Any]:
    return {
        "topic": topic,
        "partition": record.partition[1],
        "offset": record.offset,
        "at": record.timestamp,
    }


def _told(value: _Value | None) -> dict[str, Any]:
    found = msgspec.to_builtins(value) if value else {}
    return {name: _cut(part) for name, part in found.items() if part is not None}


def _why(record: Record) -> dict[str, Any]:
    """Return what the headers of a dead letter say: where it came from and why it lies there."""
    headers = {name: text(value) for name, value in record.headers or () if name.startswith(PREFIX)}
    names = {"error.class": "error", "error.message": "why", "attempts": "attempts", "group": "group"}
    found = {shown: _cut(headers[PREFIX + name]) for name, shown in names.items() if PREFIX + name in headers}
    place = [headers.get(PREFIX + name, "?") for name in ("topic", "partition", "offset")]
    return found | {"source": f"{place[0]}[{place[1]}]@{place[2]}"}


def text(value: str | bytes | None) -> str:
    """Return a header's value as text, whatever its bytes are."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value or ""


def _cut(value: Any) -> Any:
    return value[:_MOST_TEXT] if isinstance(value, str) else value


def encode(tick: dict[str, Any]) -> str:
    """Return a tick as the JSON text that is sent."""
    return msgspec.json.encode(tick).decode()


def is_due(digest: Digest, last: float, now: float, *, busy: float = 0.2, idle: float = 1.0) -> bool:
    """Return whether to cut a tick: soon after something happened, else once a second."""
    return now - last >= (busy if digest.has_news else idle)


def topics_on_broker(prefix: str) -> dict[str, int]:
    """Return TOPICS by their names on the broker."""
    return {prefix + name: tail for name, tail in TOPICS.items()}


__all__: Sequence[str] = [
    "DEAD_LETTERS",
    "SHOWN_A_SECOND",
    "TOPICS",
    "Digest",
    "encode",
    "is_due",
    "topics_on_broker",
]
