"""Settings of analytics."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar

from pydantic import Field

from orderflow.events.groups import ANALYTICS
from orderflow.settings import UnitPrice
from orderflow.streaming.settings import ConsumerSettings
from orderflow.tables.settings import DatabaseSettings


class AnalyticsSettings(DatabaseSettings, ConsumerSettings):
    """The process that keeps the tables."""

    default_group: ClassVar[str] = ANALYTICS
    default_env_file: ClassVar[str | None] = "config/analytics.env"

    unit_price: UnitPrice = Decimal("1.00")
    analytics_max_batch: int = Field(
        5000,
        ge=1,
        le=100_000,
        description="Most records in one transaction of the database; below that the batch follows the "
        "backlog.",
    )
