"""The consuming side of a sink: where reading begins is said from outside, and Kafka only told about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import structlog
from confluent_kafka import OFFSET_BEGINNING, OFFSET_END, KafkaError, KafkaException, TopicPartition

from orderflow.streaming.batches import Partition
from orderflow.streaming.clients import Config
from orderflow.streaming.errors import BrokerSilent, error_of
from orderflow.streaming.login import Login
from orderflow.streaming.source import Source

log = structlog.get_logger(__name__)

_ANSWER_SECONDS = 5.0


class StoredSource(Source):
    """A source whose offsets are kept in a store; for one thread."""

    def __init__(self, config: Config, login: Login, service: str) -> None:
        super().__init__(config | {"on_commit": self._noted}, login, service)

    def seek(self, starts: Mapping[Partition, int | None], from_start: bool) -> set[Partition]:
        """Go on reading at offsets, for None at the log's start or end; return where that was done.

        Not before the client has begun to fetch a partition, which takes it a moment.
        """
        sought = set[Partition]()
        for (topic, number), offset in starts.items():
            logical = OFFSET_BEGINNING if from_start else OFFSET_END
            try:
                self._consumer.seek(TopicPartition(topic, number, logical if offset is None else offset))
            except KafkaException as error:
                log.debug("not sought yet", topic=topic, partition=number, reason=error_of(error).str())
                continue
            sought.add((topic, number))
        return sought

    def ends(self, partitions: Iterable[Partition]) -> dict[Partition, int]:
        """Return the last stable offsets; raise BrokerSilent."""
        found: dict[Partition, int] = {}
        for topic, number in partitions:
            try:
                answer = self._consumer.get_watermark_offsets(TopicPartition(topic, number), _ANSWER_SECONDS)
            except KafkaException as error:
                raise BrokerSilent(f"Kafka, to tell where logs end: {error_of(error).str()}") from error
            if answer is not None:
                found[topic, number] = answer[1]
        return found

    def known_end(self, partition: Partition) -> int:
        """Return the end of a log as the last answer of the broker said it, below 0 if there was none."""
        answer = self._consumer.get_watermark_offsets(TopicPartition(*partition), cached=True)
        return answer[1] if answer else -1

    def commit_soon(self, positions: Mapping[Partition, int]) -> None:
        """Send offsets to the group's coordinator; `assignment.committed` has them once it took them."""
        if positions:
            asked = [TopicPartition(topic, number, at) for (topic, number), at in positions.items()]
            try:
                self._consumer.commit(offsets=asked, asynchronous=True)
            except KafkaException as error:
                log.info("offsets not committed", reason=error_of(error).str())

    def _noted(self, error: KafkaError | None, partitions: list[TopicPartition]) -> None:
        """Note what was committed. A failure is not worth a word: the next commit says the same and more."""
        if error is None:
            taken = {(each.topic, each.partition): each.offset for each in partitions if each.error is None}
            self.assignment.committed.update(
                {each: at for each, at in taken.items() if each in self.assignment.owned}
            )
