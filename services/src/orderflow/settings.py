"""Settings that must be the same in several services."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from pydantic import Field

# In the service that accepts an order and in the one that charges it.
UnitPrice = Annotated[
    Decimal,
    Field(
        gt=0,
        le=Decimal("9999.99"),
        decimal_places=2,
        description="Price of one piece where an order in the short form names only item and quantity.",
    ),
]
