"""Where accepted orders go: into Kafka, the order and its PENDING status in one transaction."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Protocol

from orderflow.events import OrderStatus, encode
from orderflow.events.topics import ORDER_STATUS, ORDERS
from orderflow.orders.metrics import GROUP_ORDERS
from orderflow.orders.placing import Placement
from orderflow.orders.settings import OrdersSettings
from orderflow.orders.watch import KafkaState, KafkaWatch
from orderflow.streaming.access import Access
from orderflow.streaming.batches import Outgoing
from orderflow.streaming.clients import transactional_config
from orderflow.streaming.codec import first_headers
from orderflow.streaming.group_commit import GroupCommit, GroupLimits
from orderflow.streaming.login import Login
from orderflow.streaming.metrics import TRANSACTION_SECONDS
from orderflow.streaming.outcomes import Refused
from orderflow.streaming.progress import Progress

SERVICE = "order-service"
_LOOK_SECONDS = 2.0


class KafkaAway(Refused):
    """Kafka does not answer; nothing was sent."""


class TopicsMissing(Refused):
    """The topics of orders do not exist; nothing was sent."""


class RightsMissing(Refused):
    """The service may not write orders; nothing was sent."""


class Intake(Protocol):
    """What the API needs of Kafka."""

    async def accept(self, placement: Placement, at: datetime) -> None:
        """Return once the order is committed; raise Refused or Undecided (`streaming.outcomes`)."""

    @property
    def is_open(self) -> bool:
        """Whether an order would probably be committed now."""

    @property
    def kafka(self) -> KafkaState:
        """What is known of Kafka."""


class KafkaIntake:
    """Commits orders in groups, and knows beforehand when that would be in vain."""

    def __init__(self, commit: GroupCommit, watch: KafkaWatch, login: Login, topic_prefix: str = "") -> None:
        self._commit = commit
        self._login = login
        self._watch = watch
        self._orders = topic_prefix + ORDERS
        self._statuses = topic_prefix + ORDER_STATUS

    async def accept(self, placement: Placement, at: datetime) -> None:
        state = self._watch.state
        if state.lacking.topics:
            raise TopicsMissing(f"Kafka lacks the topics {', '.join(state.lacking.topics)}")
        if state.lacking.rights:
            raise RightsMissing(f"The service lacks {state.lacking}")
        if state.reachable is False:
            raise KafkaAway("Kafka does not answer")
        await self._commit.commit(self._records(placement, at))

    @property
    def is_open(self) -> bool:
        return self._commit.is_open and self._watch.state.waits_for is None

    @property
    def kafka(self) -> KafkaState:
        return self._watch.state

    @property
    def progress(self) -> list[Progress]:
        return self._commit.progress

    def start(self) -> None:
        self._login.start()
        self._watch.start()
        self._commit.start()

    def stop(self, timeout: float) -> None:
        """Commit what waits, within `timeout` seconds."""
        self._commit.close(timeout)
        self._watch.stop()
        self._login.stop()

    def _records(self, placement: Placement, at: datetime) -> tuple[Outgoing, Outgoing]:
        order = placement.order
        headers = first_headers(
            correlation_id=placement.correlation_id,
            source=SERVICE,
            at=at,
            traceparent=placement.traceparent,
        )
        status = OrderStatus(order.order_id, "PENDING", at)
        return (
            (self._orders, order.key.encode(), encode(order), headers),
            (self._statuses, status.key.encode(), encode(status), headers),
        )


def open_intake(settings: OrdersSettings, number: int, on_defeat: Callable[[str], None]) -> KafkaIntake:
    """Return the intake of process `number` (from 0) of this instance.

    `on_defeat(reason)` hears of another process that keeps taking over its transactional ids.
    """
    name = f"{SERVICE}-{settings.instance_name}-{number}"
    configs = [
        transactional_config(
            settings, name if lane == 0 else f"{name}-{lane}", settings.transaction_timeout_seconds
        )
        for lane in range(settings.api_producers)
    ]
    limits = GroupLimits(
        patience=settings.api_deadline_seconds,
        room=settings.api_queue_limit,
        group=settings.api_group_limit,
        record_bytes=settings.api_max_record_bytes,
    )
    transaction_seconds = TRANSACTION_SECONDS.labels(SERVICE)

    def count(size: int, seconds: float) -> None:
        GROUP_ORDERS.observe(size)
        transaction_seconds.observe(seconds)

    login = Login(settings)
    commit = GroupCommit(
        configs,
        login,
        limits,
        timeout=settings.transaction_timeout_seconds,
        on_commit=count,
        on_defeat=on_defeat,
    )
    access = Access(settings, login, writes=(ORDERS, ORDER_STATUS))
    watch = KafkaWatch(lambda: access.lacking(timeout=_LOOK_SECONDS))
    return KafkaIntake(commit, watch, login, settings.topic_prefix)
