"""The topics of the pipeline and how each is configured. Declared once; nobody auto-creates."""

from __future__ import annotations

from dataclasses import dataclass, field

_DAY_MS = 24 * 60 * 60 * 1000
_RECORD_BYTES = 1_048_588  # Kafka's own default for max.message.bytes

# A dead letter is its source record plus at most 4 KiB of dlq.* headers; the rest is head room.
DEAD_LETTER_EXTRA_BYTES = 64 * 1024

ORDERS = "orders"
PAYMENTS = "payments"
NOTIFICATIONS = "notifications"
ORDER_STATUS = "order-status"
FAILED_ORDERS = "failed-orders"
FAILED_PAYMENTS = "failed-payments"
FAILED_NOTIFICATIONS = "failed-notifications"
DLQ_REPLAYS = "dlq-replays"

_FEW = 3
_KEPT = {"retention.ms": str(7 * _DAY_MS), "max.message.bytes": str(_RECORD_BYTES)}
_COMPACTED = {"cleanup.policy": "compact", "max.message.bytes": str(_RECORD_BYTES)}
_DEAD = {
    "retention.ms": str(30 * _DAY_MS),
    "max.message.bytes": str(_RECORD_BYTES + DEAD_LETTER_EXTRA_BYTES),
}


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be: `name` with its prefix, `config` as Kafka's topic settings."""

    name: str
    partitions: int
    replication_factor: int
    config: dict[str, str] = field(default_factory=dict)


def topic_specs(
    *, partitions: int = 12, replication_factor: int = 1, prefix: str = ""
) -> tuple[TopicSpec, ...]:
    """Return every topic of the pipeline; `partitions` counts for the four that scale, the others have 3."""
    table = [
        (ORDERS, partitions, _KEPT),
        (PAYMENTS, partitions, _KEPT),
        (NOTIFICATIONS, partitions, _KEPT),
        (ORDER_STATUS, partitions, _COMPACTED),
        (FAILED_ORDERS, _FEW, _DEAD),
        (FAILED_PAYMENTS, _FEW, _DEAD),
        (FAILED_NOTIFICATIONS, _FEW, _DEAD),
        (DLQ_REPLAYS, _FEW, _COMPACTED),
    ]
    return tuple(TopicSpec(prefix + name, count, replication_factor, config) for name, count, config in table)


def further_topic(
    name: str, *, partitions: int = 12, replication_factor: int = 1, prefix: str = ""
) -> TopicSpec:
    """Return a topic beside the pipeline, of a worker of your own; `failed-...` is made for dead letters."""
    dead = name.startswith("failed-")
    count, config = (_FEW, _DEAD) if dead else (partitions, _KEPT)
    return TopicSpec(prefix + name, count, replication_factor, config)
