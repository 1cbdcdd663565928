"""What the brokers say of a topic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from orderflow_lag.observation import Unreadable


@dataclass(frozen=True, slots=True)
class BrokerTopic:
    """A topic as it is: `config` holds what was set on the topic itself, not the brokers' defaults."""

    partitions: int
    replicas: int
    config: Mapping[str, str] = field(default_factory=dict)


Seen = BrokerTopic | Unreadable | None  # None: the brokers answered that there is no such topic


def partitions_of(seen: Seen) -> int | None:
    """Return the partition count where it is known."""
    return seen.partitions if isinstance(seen, BrokerTopic) else None
