"""The real producer of a worker, in a process that dies or stands still at a chosen moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from confluent_kafka import KafkaError, TopicPartition

from orderflow.streaming.batches import Outgoing
from orderflow.streaming.transactions import ProducerLost, TransactionalProducer


class Crash(SystemExit):
    """The process is gone; a thread that ends with this ends without a word."""


def die() -> NoReturn:
    """End the process."""
    raise Crash


def lose() -> NoReturn:
    """Lose the producer, and with it what is not committed; the process goes on."""
    raise ProducerLost(KafkaError(KafkaError._TIMED_OUT), undecided=True)


def live() -> None:
    """Go on."""


class MortalProducer(TransactionalProducer):
    """Something happens to its process around the commit of its transaction of that number (from 1).

    before: everything is written, nothing is committed. after: it is, and nobody knows yet. Transactions
    without records do not count.
    """

    def __init__(
        self,
        *arguments: Any,
        before: Callable[[], None] = live,
        after: Callable[[], None] = live,
        number: int = 1,
        **options: Any,
    ) -> None:
        super().__init__(*arguments, **options)
        self._before, self._after = before, after
        self._until = number
        self._with_records = False
        self._dead = False

    @property
    def is_current(self) -> bool:
        """Whether there is anybody to use it: a process that is gone tidies nothing up."""
        return super().is_current and not self._dead

    def write(self, records: Iterable[Outgoing]) -> None:
        written = list(records)
        self._with_records = bool(written)
        super().write(written)

    def end(
        self, offsets: list[TopicPartition] | None = None, group: Callable[[], Any] | None = None
    ) -> None:
        self._until -= self._with_records
        now = self._with_records and self._until == 0
        if now:
            self._opened().flush()
            self._happens(self._before)
        super().end(offsets, group)
        if now:
            self._happens(self._after)

    def _happens(self, what: Callable[[], None]) -> None:
        try:
            what()
        except ProducerLost:
            self.drop()
            raise
        except Crash:
            self._dead = True
            raise
