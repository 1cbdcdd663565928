"""The status of a StreamWorker: what `kubectl get` and `describe` show, and what a restart needs. Pure.

Times are RFC 3339 here, since people read them; inside `memory` and `inputs` they are seconds.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from orderflow_operator.rates.memory import LastScale, Memory, durable
from orderflow_operator.rates.samples import Sample
from orderflow_operator.scaling.types import Decision, Inputs, Limiter
from orderflow_operator.scaling.words import rfc3339


class StatusPart(Struct, frozen=True, kw_only=True, rename="camel"):
    """A part of a status: immutable, camelCase on the wire."""


class TopicStatus(StatusPart, frozen=True, kw_only=True):
    """Records behind in one topic; with unknown partitions a lower bound."""

    topic: str
    lag: int
    unknown_partitions: int = 0


class DecisionStatus(StatusPart, frozen=True, kw_only=True):
    """The last decision as it was made; deciding from `inputs` again gives it again."""

    at: str
    inputs: Inputs
    raw: int | None
    limiters: tuple[Limiter, ...]
    replicas: int
    would_be: int | None
    reason: str
    message: str


class ScaleStatus(StatusPart, frozen=True, kw_only=True, rename={"before": "from", "after": "to"}):
    """The last write of ours to the scale of the target."""

    at: str
    before: int
    after: int
    reason: str
    message: str


class StreamWorkerStatus(StatusPart, frozen=True, kw_only=True):
    """The whole status. lag, lag_seconds and the rates are absent while they are unknown."""

    observed_generation: int
    replicas: int
    ready_replicas: int
    desired_replicas: int
    lag: int | None = None
    lag_seconds: float | None = None
    topics: tuple[TopicStatus, ...] = ()
    arrival_per_second: float | None = None
    rate_per_replica: float | None = None
    reason: str = ""
    message: str = ""
    last_decision: DecisionStatus | None = None
    last_scale: ScaleStatus | None = None
    memory: Memory = Memory()
    conditions: tuple[dict[str, Any], ...] = ()


def status_of(
    generation: int,
    memory: Memory,
    sample: Sample,
    inputs: Inputs,
    decision: Decision,
    conditions: tuple[dict[str, Any], ...] = (),
) -> StreamWorkerStatus:
    """Return the status after a decision that `memory` already remembers."""
    unknown = bool(inputs.problem) or not sample.partitions
    wrote = decision.replicas if decision.write else sample.target.replicas
    return StreamWorkerStatus(
        observed_generation=generation,
        replicas=wrote,
        ready_replicas=sample.target.ready,
        desired_replicas=decision.replicas if decision.would_be is None else decision.would_be,
        lag=None if unknown else inputs.lag,
        lag_seconds=None if unknown else inputs.lag_seconds,
        topics=_topics(sample),
        arrival_per_second=None if unknown else round(inputs.arrival, 1),
        rate_per_replica=_rate_per_replica(inputs),
        reason=decision.reason,
        message=decision.message,
        last_decision=_decision(inputs, decision),
        last_scale=_scale(memory.last_scale) if memory.last_scale else None,
        memory=durable(memory),
        conditions=conditions,
    )


def _topics(sample: Sample) -> tuple[TopicStatus, ...]:
    names = sorted({one.topic for one in sample.partitions})
    return tuple(
        TopicStatus(
            topic=name,
            lag=sum(one.lag or 0 for one in sample.partitions if one.topic == name),
            unknown_partitions=sum(one.lag is None for one in sample.partitions if one.topic == name),
        )
        for name in names
    )


def _rate_per_replica(inputs: Inputs) -> float | None:
    if inputs.rate_per_consumer is None:
        return None
    return round(inputs.rate_per_consumer * inputs.policy.consumers_per_pod, 1)


def _decision(inputs: Inputs, decision: Decision) -> DecisionStatus:
    return DecisionStatus(
        at=rfc3339(decision.at),
        inputs=inputs,
        raw=decision.raw,
        limiters=decision.limiters,
        replicas=decision.replicas,
        would_be=decision.would_be,
        reason=decision.reason,
        message=decision.message,
    )


def _scale(last: LastScale) -> ScaleStatus:
    return ScaleStatus(
        at=rfc3339(last.at), before=last.before, after=last.after, reason=last.reason, message=last.message
    )
