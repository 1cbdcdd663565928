"""Read the topics of the pipeline into a checker, effects before causes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

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
from orderflow.streaming.clients import connection_config
from orderflow.streaming.reader import Record, TopicReader, headers_of
from orderflow.streaming.settings import KafkaSettings
from orderflow.verify.checker import Burial, Checker
from orderflow.verify.report import Report
from orderflow.verify.retention import cut_logs, judged_from, whole
from orderflow_lag.observation import GroupObservation, LogRange, Observation, Subscription, TopicPartition
from orderflow_lag.read import LagReader
from orderflow_lag.truth import GroupLag, group_lag

_BURIALS: dict[str, Burial] = {
    FAILED_ORDERS: "rejected",
    FAILED_PAYMENTS: "failed",
    FAILED_NOTIFICATIONS: "failed",
}

_ERROR_CLASS, _CONFLICT = "dlq.error.class", b"OrderIdConflict"

# A group commits its offsets with what follows from them, so whatever is read after the offsets holds
# all the effects of what they cover; and what is read later holds all the causes of what was read before.
IN_TURN = (
    FAILED_ORDERS,
    FAILED_PAYMENTS,
    FAILED_NOTIFICATIONS,
    NOTIFICATIONS,
    PAYMENTS,
    ORDER_STATUS,
    ORDERS,
)

_LOOK_SECONDS = 0.5
# Longer than any transaction of ours may stay open.
_TRANSACTION_SECONDS = 75.0

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Groups:
    """The consumer groups whose committed offsets tell what is handled."""

    payments: str
    notifications: str

    def subscriptions(self, prefix: str) -> tuple[Subscription, Subscription]:
        """Return what the groups read."""
        return (
            Subscription(self.payments, frozenset({prefix + ORDERS})),
            Subscription(self.notifications, frozenset({prefix + PAYMENTS})),
        )


class TransactionsOpen(Exception):
    """An open transaction hides records that are needed for a verdict."""


class _Outcome(msgspec.Struct):
    order_id: str
    user_id: str
    status: str


class _Status(msgspec.Struct):
    order_id: str
    status: str


class _Order(msgspec.Struct):
    order_id: str
    user_id: str


_outcome = msgspec.json.Decoder(_Outcome).decode
_status = msgspec.json.Decoder(_Status).decode
_order = msgspec.json.Decoder(_Order).decode


def verify(
    settings: KafkaSettings, groups: Groups, *, progress: Progress, promised: Iterable[tuple[str, str]] = ()
) -> Report:
    """Read the whole log and return the verdict.

    Raise LagError, UnknownTopic, BrokerUnavailable, or TransactionsOpen where one hides the end of a log.
    `progress(topic, read, total)` is called now and then, in records as offsets count them. `promised` are
    orders that a client was told are accepted, as (user_id, order_id): they must be there.
    """
    prefix = settings.topic_prefix
    with _lag_reader(settings) as reader:
        topics = [prefix + topic for topic in IN_TURN]
        seen = reader.read(groups.subscriptions(prefix), topics)
        floors = judged_from(seen, reader.written_at(cut_logs(seen, prefix)), prefix)
        _wait_for_transactions(reader, topics, seen, progress)
    checker = Checker(_committed(seen, groups, prefix), whole(seen, prefix))
    for topic in IN_TURN:
        total, read = _length(seen, prefix + topic), 0
        with TopicReader(settings, [prefix + topic]) as topic_reader:
            for batch in topic_reader.to_the_end():
                for record in batch:
                    take(checker, topic, record, prefix, floors)
                read += len(batch)
                progress(topic, read, max(read, total))
    for user_id, order_id in promised:
        checker.promise(user_id, order_id)
    return checker.report()


def take(checker: Checker, topic: str, record: Record, prefix: str, floors: Mapping[int, float]) -> None:
    """Give one record of a topic (logical name) to the checker; `floors` as `judged_from` returns them."""
    partition, offset, value = record.partition() or 0, record.offset() or 0, record.value() or b""
    if topic in _BURIALS:
        conflict = (_ERROR_CLASS, _CONFLICT) in headers_of(record)
        checker.dead_letter(_BURIALS[topic], *_origin(record, prefix), conflict=conflict)
        return
    judged = record.timestamp()[1] >= floors.get(partition, 0.0) * 1000
    try:
        if topic == ORDERS:
            order = _order(value)
            checker.order(order.user_id, order.order_id, partition, offset, judged=judged)
        elif topic == ORDER_STATUS:
            status = _status(value)
            checker.status(status.order_id, status.status)
        else:
            outcome = _outcome(value)
            if topic == PAYMENTS:
                checker.payment(
                    outcome.user_id, outcome.order_id, outcome.status, partition, offset, judged=judged
                )
            else:
                checker.notification(outcome.user_id, outcome.order_id, outcome.status, partition)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        if topic == ORDERS:
            checker.unreadable_order(partition, offset, judged=judged)
        else:
            checker.unreadable(topic, partition, offset)


def drain(settings: KafkaSettings, groups: Groups, *, within: float) -> Iterator[list[GroupLag]]:
    """Yield the groups' lags until they are zero or `within` seconds are over."""
    deadline = time.monotonic() + within
    wanted = groups.subscriptions(settings.topic_prefix)
    with _lag_reader(settings) as reader:
        while True:
            seen = reader.read(wanted)
            lags = [group_lag(seen, one) for one in wanted]
            yield lags
            done = all(lag.total == 0 for lag in lags) and not _open(seen, seen)
            if done or time.monotonic() >= deadline:
                return
            time.sleep(_LOOK_SECONDS)


def _wait_for_transactions(
    reader: LagReader, topics: list[str], before: Observation, progress: Progress
) -> None:
    """Return once everything that was in the log before can be read, in whatever transaction it was.

    A worker that stands still in the middle of a transaction hides what others have committed behind it.
    """
    deadline, total = time.monotonic() + _TRANSACTION_SECONDS, len(before.logs)
    while hidden := _open(before, reader.read((), topics)):
        if time.monotonic() >= deadline:
            (topic, number), *_ = hidden
            raise TransactionsOpen(f"{topic}[{number}] has had an open transaction for too long to judge it")
        progress("transactions to end", total - len(hidden), total)
        time.sleep(_LOOK_SECONDS)


def _open(before: Observation, now: Observation) -> list[TopicPartition]:
    """Return the partitions of which committed readers cannot read now all that was written before."""
    return [
        at
        for at, log in now.logs.items()
        if isinstance(log, LogRange)
        and isinstance(was := before.logs.get(at), LogRange)
        and log.end < was.high_watermark
    ]


def _lag_reader(settings: KafkaSettings) -> LagReader:
    return LagReader(connection_config(settings))


def _origin(record: Record, prefix: str) -> tuple[str, int, int]:
    """Return where a dead letter's record was read, which its headers tell; itself if they do not."""
    told = {name: (value or b"").decode("utf-8", "replace") for name, value in headers_of(record)}
    try:
        return told["dlq.topic"].removeprefix(prefix), int(told["dlq.partition"]), int(told["dlq.offset"])
    except (KeyError, ValueError):
        return record.topic() or "", record.partition() or 0, record.offset() or 0


def _committed(seen: Observation, groups: Groups, prefix: str) -> dict[tuple[str, int], int]:
    committed: dict[tuple[str, int], int] = {}
    for group, topic in ((groups.payments, ORDERS), (groups.notifications, PAYMENTS)):
        found = seen.groups[group]
        if isinstance(found, GroupObservation):
            committed |= {
                (topic, at.partition): offset
                for at, offset in found.committed.items()
                if at.topic == prefix + topic
            }
    return committed


def _length(seen: Observation, topic: str) -> int:
    logs = (log for at, log in seen.logs.items() if at.topic == topic and isinstance(log, LogRange))
    return sum(log.end - log.start for log in logs)
