"""Bring dead letters back, a transaction for each handful; whatever happens, each of them once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from orderflow.replay.letters import Letter
from orderflow.replay.plan import outgoing
from orderflow.streaming.admin import BrokerUnavailable
from orderflow.streaming.clients import transactional_config
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings
from orderflow.streaming.transactions import Aborted, ProducerLost, TransactionalProducer

TIMEOUT = 10.0  # seconds for one answer of the broker
_MOST = 500  # letters in one transaction
_TRANSACTIONS_PER_SECOND = 4  # where a rate is kept


class ReplayEnded(Exception):
    """The replay cannot go on; what it has not done, another one does, and nothing twice."""


class Replay:
    """Replays letters. There is one at a time: a later one ends an earlier one when it is opened.

    Raise BrokerUnavailable or ReplayEnded on opening. Markers are to be read while it is open, since only
    then has every earlier replay come to its end.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._prefix = settings.topic_prefix
        self._login = Login(settings)
        config = transactional_config(settings, f"{self._prefix}dlq-replay", TIMEOUT)
        self._producer = TransactionalProducer(config, self._login, timeout=TIMEOUT)

    def __enter__(self) -> Self:
        give_up = time.monotonic() + TIMEOUT
        self._login.start()
        try:
            if not self._producer.open(keep_trying=lambda: time.monotonic() < give_up):
                raise BrokerUnavailable(f"no transaction within {TIMEOUT:.0f} seconds")
        except BaseException as error:
            self._login.stop()
            if isinstance(error, ProducerLost):
                raise ReplayEnded(f"Kafka refuses its transactions: {error}") from error
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._producer.drop()
        self._login.stop()

    def send(self, letters: Sequence[Letter], rate: float | None, report: Callable[[int], None]) -> None:
        """Replay letters in this order, at most `rate` a second; raise ReplayEnded.

        `report(count)` is told after each transaction how many it has brought back.
        """
        start, done = time.monotonic(), 0
        for handful in _handfuls(letters, rate):
            time.sleep(max(0.0, start + done / rate - time.monotonic()) if rate else 0.0)
            at = datetime.now(UTC)
            try:
                self._producer.commit(
                    record for letter in handful for record in outgoing(letter, self._prefix, at)
                )
            except ProducerLost as lost:
                why = "another replay has begun" if lost.fenced else str(lost)
                raise ReplayEnded(why) from lost
            except Aborted as aborted:
                raise ReplayEnded(str(aborted)) from aborted
            done += len(handful)
            report(len(handful))


def _handfuls(letters: Sequence[Letter], rate: float | None) -> Iterator[Sequence[Letter]]:
    size = max(1, min(_MOST, int(rate / _TRANSACTIONS_PER_SECOND))) if rate else _MOST
    for first in range(0, len(letters), size):
        yield letters[first : first + size]
