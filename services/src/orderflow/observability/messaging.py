"""Spans about records, named as OpenTelemetry's conventions for Kafka have it. Pure.

No key and nothing of a value is among the attributes.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from orderflow.observability.attempts import RecordSpan
from orderflow.observability.spans import Common, Context, Span

_MOST_LINKS = 128  # of one span, as the SDK's own limit


@lru_cache(256)
def client(client_id: str) -> Common:
    """Return what every span of a client says."""
    return (("messaging.system", "kafka"), ("messaging.client.id", client_id))


def process_span(of: RecordSpan, client_id: str, group: str) -> Span:
    """Return the span of an attempt."""
    topic, partition = of.record.partition
    attributes: dict[str, str | int] = {"messaging.kafka.offset": of.record.offset}
    if of.attempt > 1:
        attributes["orderflow.attempt"] = of.attempt
    if of.error is not None:
        attributes["error.type"] = type(of.error).__name__
    return Span(
        name=f"process {topic}",
        kind="consumer",
        context=of.process,
        parent=of.parent,
        parent_is_remote=True,
        start=of.started,
        end=of.ended,
        attributes=attributes,
        common=_processing(client_id, group, topic, partition),
        error=None if of.error is None else str(of.error),
    )


def send_span(
    context: Context,
    parent: Context,
    topics: Sequence[str],
    start: int,
    end: int,
    client_id: str,
) -> Span:
    """Return the span of records that were written together: until their transaction was committed."""
    return Span(
        name=f"send {topics[0]}",
        kind="producer",
        context=context,
        parent=parent,
        start=start,
        end=end,
        attributes={"messaging.batch.message_count": len(topics)} if len(topics) > 1 else {},
        common=_sending(client_id, topics[0]),
    )


def commit_span(
    context: Context,
    links: Sequence[Context],
    records: int,
    start: int,
    end: int,
    client_id: str,
    group: str,
) -> Span:
    """Return the span of a transaction: a trace of its own, which links to those of its records."""
    return Span(
        name=f"commit {group}",
        kind="client",
        context=context,
        start=start,
        end=end,
        attributes={
            **dict(client(client_id)),
            "messaging.consumer.group.name": group,
            "messaging.operation.name": "commit",
            "messaging.operation.type": "settle",
            "messaging.batch.message_count": records,
        },
        links=tuple(links[:_MOST_LINKS]),
    )


@lru_cache(4096)
def _processing(client_id: str, group: str, topic: str, partition: int) -> Common:
    return (
        *client(client_id),
        ("messaging.consumer.group.name", group),
        ("messaging.operation.name", "process"),
        ("messaging.operation.type", "process"),
        ("messaging.destination.name", topic),
        ("messaging.destination.partition.id", str(partition)),
    )


@lru_cache(256)
def _sending(client_id: str, topic: str) -> Common:
    return (
        *client(client_id),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.name", topic),
    )
