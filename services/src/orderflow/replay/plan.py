"""What a replay does with each dead letter, in which order, and what it leaves behind. Pure.

A letter's record goes back to its topic and a marker to `dlq-replays`, both in one transaction: whoever
replays it again finds the marker. The marker names the letter's time too, for a topic that was deleted and
made again counts from 0.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

import msgspec

from orderflow.events.topics import DLQ_REPLAYS, FAILED_ORDERS, FAILED_PAYMENTS
from orderflow.observability.traceparent import TRACEPARENT
from orderflow.replay.letters import Letter, Place
from orderflow.streaming.batches import Outgoing
from orderflow.streaming.codec import CORRELATION_ID, first_headers, rfc3339
from orderflow.streaming.dead_letters import PREFIX

SOURCE = "orderflow-cli"
REPLAYED_FROM = f"{PREFIX}replayed_from"

# Of these nothing has followed yet. What else is a dead letter others have read too, and would again.
REPLAYED_TOPICS = (FAILED_ORDERS, FAILED_PAYMENTS)

# letter -> when the letter that was replayed under this name had been buried, in ms since the epoch
Markers = Mapping[str, int]


class Marker(msgspec.Struct, frozen=True):
    """The value of a record of `dlq-replays`; its key is the letter's place."""

    buried_at: int
    replayed_at: str
    topic: str


class Step(msgspec.Struct, frozen=True):
    """One letter of a replay; `stays` says why it is not replayed, None: it is."""

    letter: Letter
    stays: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Marker).decode


def buried_at(value: bytes | None) -> int | None:
    """Return what a marker says of its letter, None if it is no marker."""
    try:
        return _decode(value or b"").buried_at
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def was_replayed(letter: Letter, markers: Markers) -> bool:
    """Tell whether this very letter went back, not another that lay in its place before."""
    return markers.get(str(letter.place)) == letter.at


def planned(letters: Iterable[Letter], markers: Markers) -> list[Step]:
    """Return what to do, those of a partition in the order in which they were read there first."""
    return [Step(letter, _stays(letter, markers)) for letter in sorted(letters, key=_turn)]


def outgoing(letter: Letter, prefix: str, at: datetime) -> tuple[Outgoing, Outgoing]:
    """Return the record of a letter as it was, but for where it comes from, and the marker beside it.

    The attempts at it begin at 1 again; should it fail again, `dlq.*` tells of that failure alone. Raise
    ValueError for a letter that was planned to stay since nobody knows where it belongs.
    """
    if letter.source is None:
        raise ValueError(f"{letter.place} does not say where it belongs")
    topic, name = letter.source.topic, str(letter.place)
    marker = Marker(letter.at, rfc3339(at), topic)
    known = dict(letter.headers)
    headers = first_headers(
        correlation_id=(known.get(CORRELATION_ID) or name.encode()).decode("utf-8", "replace"),
        source=SOURCE,
        at=at,
        traceparent=known.get(TRACEPARENT),
    )
    record: Outgoing = (
        prefix + topic,
        letter.key,
        letter.value,
        [*letter.headers, (REPLAYED_FROM, name.encode())],
    )
    return record, (prefix + DLQ_REPLAYS, name.encode(), _encode(marker), headers)


def _stays(letter: Letter, markers: Markers) -> str | None:
    if letter.place.topic not in REPLAYED_TOPICS:
        return "others have handled its record"
    if letter.source is None:
        return "does not say where it belongs"
    return "was replayed before" if was_replayed(letter, markers) else None


def _turn(letter: Letter) -> Place:
    return letter.source or letter.place
