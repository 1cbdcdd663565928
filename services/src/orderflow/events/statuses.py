"""Where an order stands; the newest record of an order id counts (the topic is compacted)."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, Literal

from orderflow.events.base import Event, Identifier, decoder

Status = Literal["PENDING", "PAID", "DECLINED", "REJECTED", "FAILED"]


class OrderStatus(Event, frozen=True, omit_defaults=True):
    """An order moved to `status`: PAID and DECLINED are final, REJECTED and FAILED may be replayed."""

    topic: ClassVar[str] = "order-status"

    order_id: Identifier
    status: Status
    updated_at: datetime
    reason: str | None = None

    @property
    def key(self) -> str:
        return self.order_id


decode_status = decoder(OrderStatus)
