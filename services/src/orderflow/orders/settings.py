"""Settings of the Order Service."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from orderflow.events.groups import ANALYTICS, NOTIFICATION_SERVICE, PAYMENT_SERVICE
from orderflow.settings import UnitPrice
from orderflow.streaming.settings import ProcessSettings
from orderflow.tables.settings import DatabaseSettings
from orderflow_process.settings import Port


class OrdersSettings(ProcessSettings, DatabaseSettings):
    """The HTTP API that takes orders. Its probes and metrics are on the API's own port."""

    default_env_file: ClassVar[str | None] = "config/orders.env"

    host: str = Field(
        "127.0.0.1", min_length=1, description="Address the API listens on; 0.0.0.0 opens it to the network."
    )
    api_port: Port = Field(8000, description="Port the API listens on; 0 takes a free one.")
    api_workers: int = Field(
        1, ge=1, le=64, description="Processes that share the port, each with transactional ids of its own."
    )
    api_producers: int = Field(
        2,
        ge=1,
        le=8,
        description="Transactions that a process may have open at a time, each with a producer of its own.",
    )
    api_keys: str = Field(
        "",
        repr=False,
        description="Keys that may place and read orders, comma separated, sent as X-API-Key; "
        "empty: everybody may.",
    )
    api_max_body_bytes: int = Field(
        65_536, ge=256, le=900_000, description="Largest body of a request that is read."
    )
    api_queue_limit: int = Field(
        10_000,
        ge=1,
        le=1_000_000,
        description="Orders that may wait for a transaction; more are answered 503.",
    )
    api_group_limit: int = Field(2_000, ge=1, le=50_000, description="Most orders in one transaction.")
    api_deadline_seconds: float = Field(
        5.0, ge=0.1, le=60, description="How long an order may wait for Kafka before it is answered 503."
    )
    api_max_record_bytes: int = Field(
        1_000_000,
        ge=1_024,
        description="Largest record sent, headers included; at most the topics' max.message.bytes.",
    )
    api_remembered_orders: int = Field(
        100_000,
        ge=0,
        le=5_000_000,
        description="Accepted orders a process remembers (for at most 60 seconds) to answer for them.",
    )
    api_event_streams: int = Field(
        100,
        ge=0,
        le=10_000,
        description="Clients of `GET /events` that a process serves at a time; 0 turns the live view off.",
    )
    scaler_url: str | None = Field(
        None,
        pattern=r"^https?://",
        description="Endpoint of the operator, as http://host:port; `GET /workers` and the console tell its "
        "decisions. `make up` sets it.",
    )
    payment_group: str = Field(
        PAYMENT_SERVICE, min_length=1, description="Group of the payment workers, for GET /metrics/lag."
    )
    notification_group: str = Field(
        NOTIFICATION_SERVICE,
        min_length=1,
        description="Group of the notification workers, for GET /metrics/lag.",
    )
    analytics_group: str = Field(
        ANALYTICS, min_length=1, description="Group of analytics, for GET /metrics/lag and /stats/payments."
    )
    transaction_timeout_seconds: float = Field(
        5.0,
        ge=1,
        le=60,
        description="After this long the broker aborts the transaction of a process that is gone.",
    )
    unit_price: UnitPrice = Decimal("1.00")

    @property
    def accepted_keys(self) -> tuple[bytes, ...]:
        """The API keys as they come over the wire; none: everybody may."""
        return tuple(key.strip().encode() for key in self.api_keys.split(",") if key.strip())
