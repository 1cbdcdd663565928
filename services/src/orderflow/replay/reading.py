"""Read dead letters, and which of them went back already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from orderflow.events.topics import DLQ_REPLAYS
from orderflow.replay.letters import Letter, Place, letter_of
from orderflow.replay.plan import buried_at
from orderflow.streaming.reader import Record, TopicReader, headers_of
from orderflow.streaming.settings import KafkaSettings


def read_letters(settings: KafkaSettings, topics: Sequence[str]) -> Iterator[Letter]:
    """Yield the letters of topics (logical names); raise UnknownTopic, ReadRefused or BrokerUnavailable."""
    prefix = settings.topic_prefix
    for record in _records(settings, topics):
        place = Place(
            (record.topic() or "").removeprefix(prefix), record.partition() or 0, record.offset() or 0
        )
        key, value = _raw(record.key()), _raw(record.value())
        yield letter_of(place, record.timestamp()[1], key, value, headers_of(record), prefix)


def read_markers(settings: KafkaSettings) -> dict[str, int]:
    """Return when each replayed letter was buried; raise as `read_letters`."""
    markers: dict[str, int] = {}
    for record in _records(settings, [DLQ_REPLAYS]):
        at = buried_at(_raw(record.value()))
        if at is not None:
            markers[(_raw(record.key()) or b"").decode("utf-8", "replace")] = at
    return markers


def _records(settings: KafkaSettings, topics: Sequence[str]) -> Iterator[Record]:
    names = [settings.topic_prefix + topic for topic in topics]
    with TopicReader(settings, names) as reader:
        for batch in reader.to_the_end():
            yield from batch


def _raw(part: object) -> bytes | None:
    return part if isinstance(part, bytes) else None
