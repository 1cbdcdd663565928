"""Parts that each break one guarantee, by one line that looks harmless. The checker must catch them all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from confluent_kafka import Consumer, Producer, TopicPartition
from support.broken.mortal import MortalProducer

from orderflow.events import Order
from orderflow.events.topics import FAILED_ORDERS
from orderflow.orders.intake import KafkaIntake
from orderflow.orders.placing import Placement
from orderflow.payments.gateway import Charge, GatewayTimeout
from orderflow.streaming.batches import Outgoing
from orderflow.streaming.clients import Config
from orderflow.streaming.login import Login
from orderflow.streaming.service import Delivery, Outcome, Service, TransientError
from orderflow.streaming.source import Source

GroupMetadata = Callable[[], Any]


class OffsetsAfterwards(MortalProducer):
    """Commits the offsets in a transaction of their own: a crash between the two does the batch again."""

    def end(self, offsets: list[TopicPartition] | None = None, group: GroupMetadata | None = None) -> None:
        super().end()  # Wrong: without the offsets.
        super().write(())
        super().end(offsets, group)


class CommittedOnArrival(Source):
    """Commits what it has read before anything is done with it: a crash loses the batch."""

    def fetch(self, room: int, wait: float) -> None:
        super().fetch(room, wait)
        behind = {record.partition: record.offset + 1 for record in self.assignment.waiting}
        offsets = [TopicPartition(*partition, offset) for partition, offset in behind.items()]
        if offsets:
            self._consumer.commit(offsets=offsets, asynchronous=False)  # Wrong: too early.


class ReadsUncommitted(Source):
    """Reads what a dead worker had written and nobody committed."""

    def __init__(self, config: Config, login: Login, service: str) -> None:
        super().__init__(config | {"isolation.level": "read_uncommitted"}, login, service)  # Wrong.


class Unfenced(MortalProducer):
    """Sends offsets without saying which member it is: the broker cannot tell a zombie by it."""

    def __init__(self, config: Config, *arguments: Any, group_id: str, **options: Any) -> None:
        super().__init__(config, *arguments, **options)
        stranger = Consumer({"bootstrap.servers": config["bootstrap.servers"], "group.id": group_id})
        self._nobody = stranger.consumer_group_metadata()

    def end(self, offsets: list[TopicPartition] | None = None, group: GroupMetadata | None = None) -> None:
        super().end(offsets, lambda: self._nobody)  # Wrong: not `group`.


def to_the_back(service: Service[Order]) -> Service[Order]:
    """Return the service with failed orders at the end of the topic, behind later ones of their user."""

    def pay(order: Order, delivery: Delivery) -> Iterable[Outcome]:
        try:
            return tuple(service.react(order, delivery))
        except TransientError:
            return (order,)  # Wrong: those that came after it go first.

    return replace(service, react=pay)


class SwallowsPoison(MortalProducer):
    """Passes over what it cannot read, and forgets it."""

    def write(self, records: Iterable[Outgoing]) -> None:
        super().write(record for record in records if not is_letter(record))  # Wrong: nothing is left.


class LettersAtOnce(MortalProducer):
    """Sends dead letters on their own, ahead of the transaction: a crash sends them again."""

    def __init__(self, config: Config, *arguments: Any, **options: Any) -> None:
        super().__init__(config, *arguments, **options)
        servers = {"bootstrap.servers": config["bootstrap.servers"]}
        self._beside = Producer(servers, logger=logging.getLogger("kafka.letters"))

    def write(self, records: Iterable[Outgoing]) -> None:
        written = list(records)
        for topic, key, value, headers in filter(is_letter, written):
            self._beside.produce(topic, value, key, headers=list(headers))  # Wrong: not in the transaction.
        self._beside.flush()
        super().write(record for record in written if not is_letter(record))


def is_letter(record: Outgoing) -> bool:
    """Tell whether a record is a dead letter of an order."""
    return record[0].endswith(FAILED_ORDERS)


class AnswersEarly(KafkaIntake):
    """Lets the client go before the order is committed."""

    async def accept(self, placement: Placement, at: datetime) -> None:
        self.task = asyncio.ensure_future(super().accept(placement, at))  # Wrong: nobody waits for it.
        self.task.add_done_callback(lambda task: task.cancelled() or task.exception())


class EveryFifthCallFails:
    """A gateway that does not answer the first call for every fifth order."""

    def __init__(self) -> None:
        self._asked: set[str] = set()

    def charge(self, order: Order, *_how: Any, **_named: Any) -> Charge:
        first = order.order_id not in self._asked
        self._asked.add(order.order_id)
        if first and int(order.order_id.removeprefix("o")) % 5 == 0:
            raise GatewayTimeout("the payment gateway did not answer")
        return Charge(f"PAY-{order.order_id}", None)
