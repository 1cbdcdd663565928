"""Settings of the Payment Service."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import ClassVar

from pydantic import Field

from orderflow.events.groups import PAYMENT_SERVICE
from orderflow.settings import UnitPrice
from orderflow.streaming.settings import WorkerSettings


class PaymentSettings(WorkerSettings):
    """A worker that charges orders."""

    default_group: ClassVar[str] = PAYMENT_SERVICE
    default_env_file: ClassVar[str | None] = "config/payments.env"

    unit_price: UnitPrice = Decimal("1.00")
    payment_success_rate: float = Field(
        0.8,
        ge=0,
        le=1,
        description="Share of orders that the simulated gateway charges; it declines the others.",
    )
    payment_error_rate: float = Field(
        0.0, ge=0, le=1, description="Share of calls that the simulated gateway does not answer (retried)."
    )
    payment_gateway_latency_ms: float = Field(
        0.0,
        ge=0,
        le=60_000,
        description="How long each call of the simulated gateway takes, in milliseconds.",
    )
    payment_gateway_ledger: Path | None = Field(
        None,
        description="File in which the simulated gateway writes down every call (SQLite), to see afterwards "
        "what was charged. Default: none.",
    )
    payment_retry_declined: bool = Field(
        False,
        description="Whether a declined order is tried again like one without an answer. Declined at the "
        "last attempt too it is DECLINED, and a dead letter in failed-payments besides.",
    )
    payment_dedup_window: int = Field(
        20_000,
        ge=0,
        le=1_000_000,
        description="Orders of each partition of payments that are remembered, so that one that comes again "
        "is not paid again; some 30 bytes each. 0: none.",
    )
    payment_concurrency: int = Field(
        1, ge=1, le=256, description="Calls of the gateway at a time; those of one user stay in order."
    )
