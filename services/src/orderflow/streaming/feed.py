"""Read topics from now on as no group, for whoever looks on: committed records only, on a thread of its own.

Nothing here moves a worker's offsets, and nobody waits for it: what cannot be read is said and tried again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import structlog
from confluent_kafka import OFFSET_END, Consumer, KafkaError, TopicPartition

from orderflow.streaming.admin import BrokerUnavailable, existing_topics
from orderflow.streaming.batches import Partition, Record
from orderflow.streaming.clients import new_consumer, reader_config
from orderflow.streaming.login import Login, Mailbox
from orderflow.streaming.reader import ReadRefused, is_permanent
from orderflow.streaming.settings import KafkaSettings
from orderflow.streaming.source import record_of
from orderflow.streaming.tail import last

log = structlog.get_logger(__name__)

# Records that came, and why none can come, if so. Called some ten times a second; False ends the reading.
Take = Callable[[Sequence[Record], str | None], bool]

# Between two batches others get the interpreter: requests share it with this thread.
_BATCH = 200
_POLL_SECONDS = 0.1
_ANSWER_SECONDS = 5.0
_LOOK_SECONDS = 30.0
_RETRY_SECONDS = 1.0


def follow(settings: KafkaSettings, topics: Mapping[str, int], take: Take) -> None:
    """Give `take` what is committed to `topics` until it returns False.

    The names are those on the broker, prefix included; each with how many of the last offsets of every
    partition come first.
    """
    login = Login(settings)
    login.start()
    places: dict[Partition, int] = {}
    try:
        while True:
            try:
                if _read(settings, login, topics, places, take):
                    return
                reason = None
            except BrokerUnavailable:
                reason = "Kafka does not answer"
            except ReadRefused as error:
                reason = f"Kafka refuses to let this service read: {error}"
            if reason and not _pause(reason, take):
                return
    finally:
        login.stop()


def _read(
    settings: KafkaSettings,
    login: Login,
    topics: Mapping[str, int],
    places: dict[Partition, int],
    take: Take,
) -> bool:
    """Read on from `places`, which are kept up to date; return whether that was all.

    False: a client is to be made anew, for topics that have changed or another certificate.
    """
    version, mailbox = login.version, Mailbox()
    config = reader_config(settings) | login.config()
    consumer = new_consumer(
        # The client wants a group id; one that never subscribes or commits makes no group.
        config
        | {"group.id": f"orderflow-feed-{settings.instance_name}", "auto.offset.reset": "latest"}
        | {"queued.max.messages.kbytes": 4_096, "max.partition.fetch.bytes": 262_144}
    )
    login.follow(mailbox)
    try:
        found = _partitions(consumer, topics)
        for place, tail in found.items():
            places.setdefault(place, last(tail) if tail else OFFSET_END)
        consumer.assign([TopicPartition(*place, places[place]) for place in found])
        looked_at = time.monotonic()
        while login.version == version:
            mailbox.deliver(consumer)
            if not take(_records(consumer, places), None):
                return True
            if time.monotonic() - looked_at > _LOOK_SECONDS:
                looked_at = time.monotonic()
                if _appeared(consumer, topics, places):
                    break
        return False
    finally:
        login.forget(mailbox)
        consumer.close()


def _partitions(consumer: Consumer, topics: Mapping[str, int]) -> dict[Partition, int]:
    counts = existing_topics(consumer, timeout=_ANSWER_SECONDS)
    return {(topic, number): tail for topic, tail in topics.items() for number in range(counts.get(topic, 0))}


def _appeared(consumer: Consumer, topics: Mapping[str, int], places: dict[Partition, int]) -> bool:
    """Return whether there are partitions that were not there before; they are read from their beginning."""
    try:
        new = _partitions(consumer, topics).keys() - places.keys()
    except BrokerUnavailable:
        return False
    places.update(dict.fromkeys(new, 0))
    return bool(new)


def _records(consumer: Consumer, places: dict[Partition, int]) -> list[Record]:
    records = []
    for message in consumer.consume(_BATCH, _POLL_SECONDS):
        error = message.error()
        if error is None:
            record = record_of(message)
            places[record.partition] = record.offset + 1
            records.append(record)
        elif error.code() != KafkaError._PARTITION_EOF and is_permanent(error):
            raise ReadRefused(error.str())
    return records


def _pause(reason: str, take: Take) -> bool:
    """Say why nothing comes, for a moment; return whether to go on."""
    log.warning("the live feed cannot read", reason=reason)
    until = time.monotonic() + _RETRY_SECONDS
    while time.monotonic() < until:
        if not take((), reason):
            return False
        time.sleep(_POLL_SECONDS)
    return True
