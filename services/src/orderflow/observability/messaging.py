"""Spans about records, named as OpenTelemetry's conventions for Kafka have it. Pure.

No key and nothing of a value is among the attributes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from orderflow.observability.attempts import RecordSpan
from orderflow.observability.spans import Context, Span

_MOST_LINKS = 128  # of one span, as the SDK's own limit


def process_span(of: RecordSpan, client: Mapping[str, str], group: str) -> Span:
    """Return the span of an attempt."""
    topic, partition = of.record.partition
    attributes: dict[str, str | int] = {
        **client,
        "messaging.consumer.group.name": group,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": topic,
        "messaging.destination.partition.id": str(partition),
        "messaging.kafka.offset": of.record.offset,
    }
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
        error=None if of.error is None else str(of.error),
    )


def send_span(
    context: Context,
    parent: Context,
    topics: Sequence[str],
    start: int,
    end: int,
    client: Mapping[str, str],
) -> Span:
    """Return the span of records that were written together: until their transaction was committed."""
    attributes: dict[str, str | int] = {
        **client,
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": topics[0],
    }
    if len(topics) > 1:
        attributes["messaging.batch.message_count"] = len(topics)
    return Span(
        name=f"send {topics[0]}",
        kind="producer",
        context=context,
        parent=parent,
        start=start,
        end=end,
        attributes=attributes,
    )


def commit_span(
    context: Context,
    links: Sequence[Context],
    records: int,
    start: int,
    end: int,
    client: Mapping[str, str],
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
            **client,
            "messaging.consumer.group.name": group,
            "messaging.operation.name": "commit",
            "messaging.operation.type": "settle",
            "messaging.batch.message_count": records,
        },
        links=tuple(links[:_MOST_LINKS]),
    )
