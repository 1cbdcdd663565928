"""What the tables tell of orders, notifications and payments, as it goes to clients. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from orderflow.events.payments import PaymentResult
from orderflow.events.statuses import Status

Amount = Annotated[Decimal, msgspec.Meta(description="Exact, with two decimal places.")]


@dataclass(frozen=True, slots=True)
class StatusChange:
    """An order moved to `status`."""

    status: Status
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PaymentOfOrder:
    """What the gateway made of an order: SUCCESS (PAID) or FAILED (DECLINED)."""

    payment_id: str
    status: PaymentResult
    amount: Amount
    attempts: int
    at: datetime
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class NotificationOfOrder:
    """What the user was told."""

    status: PaymentResult
    message: str
    type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderState:
    """Where an order stands, as of the newest record in the tables. What is not known (yet) is null.

    `history` is the newest hundred of its records of order-status, oldest first.
    """

    order_id: str
    status: Status
    as_of: datetime
    user_id: str | None = None
    amount: Amount | None = None
    items: int | None = None
    item: str | None = None
    placed_at: datetime | None = None
    reason: str | None = None
    history: Sequence[StatusChange] = ()
    payment: PaymentOfOrder | None = None
    notification: NotificationOfOrder | None = None


@dataclass(frozen=True, slots=True)
class SentNotification:
    """What a user was told about an order."""

    order_id: str
    user_id: str
    status: PaymentResult
    message: str
    type: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Payments:
    """Some payments: how many, and the sum of their amounts."""

    count: int
    sum: Amount


@dataclass(frozen=True, slots=True)
class MinuteOfPayments:
    """The payments of the minute that begins at `minute`, by status."""

    minute: datetime
    payments: Mapping[PaymentResult, Payments]


@dataclass(frozen=True, slots=True)
class PartitionAsOf:
    """How far the tables are on a partition: `next` is the first offset that is not in them.

    `end` is its end (the last stable offset) as far as known, `behind` how many records are yet to come,
    `unreadable` how many below `next` could not be understood. `at` is when they were last written.
    """

    topic: str
    partition: int
    next: int
    end: int
    behind: int
    unreadable: int
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Statistics:
    """The payments and the orders, all from one state of the tables.

    `success_rate` is the share of SUCCESS, null without a payment. `per_minute` is the last hour, oldest
    minute first. `complete`: nothing that Kafka holds is missing; null while its end offsets are unknown.
    """

    payments: Mapping[PaymentResult, Payments]
    success_rate: float | None
    orders: Mapping[Status, int]
    per_minute: Sequence[MinuteOfPayments]
    as_of: Sequence[PartitionAsOf]
    behind: int
    complete: bool | None
