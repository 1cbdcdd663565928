"""What keeps a worker from committing, said where one looks first: in its readiness and in its log."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog
from confluent_kafka import KafkaError

from orderflow.streaming.access import Access
from orderflow.streaming.batches import Done
from orderflow.streaming.clients import Config
from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.progress import Progress
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer

log = structlog.get_logger(__name__)

_ASK_AGAIN_SECONDS = 1.0


class Obstacles:
    """Finds out and tells."""

    def __init__(self, access: Access, progress: Progress) -> None:
        self._access = access
        self._progress = progress

    def look(self, reason: Aborted | ProducerLost) -> bool:
        """Tell why a transaction failed again; return whether the broker names something that has to come."""
        hindrance = self._access.hindrance(of_group=reason.code == KafkaError.GROUP_AUTHORIZATION_FAILED)
        self.tell(hindrance or f"Kafka to take its transactions: {reason}")
        return hindrance is not None

    def ask_for_room(self, buried: Done) -> None:
        """Say which topic takes not even the dead letter; nothing is lost, once there is room it goes on."""
        (topic, number), offset = buried.record.partition, buried.record.offset
        self.tell(
            f"{buried.outgoing[0][0]} to take the dead letter of {topic}[{number}] offset {offset}, "
            f"{len(buried.record.value or b'')} bytes: raise its max.message.bytes"
        )

    def tell(self, what: str) -> None:
        """Say what the worker waits for; the log hears of news only."""
        self._progress.beat()
        if what != self._progress.waits_for:
            log.error("transactions do not go through", waits_for=what)
        self._progress.waits_for = what


def open_producer(
    producer: TransactionalProducer, config: Config, obstacles: Obstacles, keep_trying: Callable[[], bool]
) -> bool:
    """Open a producer, also by waiting for the right to its transactional id; return whether it is open.

    Raises WorkerStopped where Kafka refuses it for what time will not mend.
    """
    while keep_trying():
        try:
            return producer.open(keep_trying=keep_trying)
        except ProducerLost as refused:
            if refused.code != KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
                raise WorkerStopped(f"Kafka refuses this worker's transactions: {refused}") from refused
        name = config["transactional.id"]
        obstacles.tell(f"ACLs that allow this login Write on transactional id {name}")
        time.sleep(_ASK_AGAIN_SECONDS)
    return False
