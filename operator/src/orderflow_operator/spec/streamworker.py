"""StreamWorker: what to scale, on which group's lag, within which bounds. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta

from orderflow_operator.spec.fields import SpecError, SpecPart, parsed
from orderflow_operator.spec.kafka import KafkaSpec, Name, check_kafka

Replicas = Annotated[int, Meta(ge=0, le=10_000)]
AtLeastOne = Annotated[int, Meta(ge=1, le=10_000)]
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


class PauseMode(StrEnum):
    """What a pause forbids: every write, everything but one size, downs, or ups."""

    HOLD = "Hold"
    AT = "At"
    NO_SCALE_IN = "NoScaleIn"
    NO_SCALE_OUT = "NoScaleOut"


class OffsetReset(StrEnum):
    """Where the group begins without a committed offset (`auto.offset.reset` of its consumers)."""

    EARLIEST = "Earliest"
    LATEST = "Latest"


class ManualZero(StrEnum):
    """What zero replicas set by somebody else mean: leave it so, or scale as ever."""

    RESPECT = "Respect"
    OVERRIDE = "Override"


class Pause(SpecPart, frozen=True, kw_only=True):
    """A pause, by default without an end; `replicas` belongs to At, `until` is an RFC 3339 time."""

    mode: PauseMode
    replicas: Replicas | None = None
    until: datetime | None = None
    reason: str | None = None

    def ends_at(self) -> float | None:
        """Return when the pause ends, in seconds since the epoch; a time without zone is UTC."""
        if self.until is None:
            return None
        return (self.until if self.until.tzinfo else self.until.replace(tzinfo=UTC)).timestamp()

    def active(self, now: float) -> bool:
        """Tell whether the pause holds at `now`, in seconds since the epoch."""
        end = self.ends_at()
        return end is None or now < end


class Fallback(SpecPart, frozen=True, kw_only=True):
    """While the lag has been unreadable for `after_seconds`: at least this many replicas."""

    replicas: AtLeastOne
    after_seconds: Seconds = 120.0


class ScaleTargetRef(SpecPart, frozen=True, kw_only=True):
    """The workload whose scale is written, in the namespace of the StreamWorker."""

    name: Name
    kind: str = "Deployment"
    api_version: str = "apps/v1"


class Policy(SpecPart, frozen=True, kw_only=True):
    """The bounds and objectives of one worker; the other half of a decision is what was observed.

    max_lag_seconds      the objective: no record waits longer
    catch_up_seconds     in which time a backlog is to be gone
    lag_per_replica      records, the measure until the rate per consumer is known
    consumers_per_pod    members of the group in one pod
    utilization          share of its rate at which a consumer is to run on arrivals alone
    stabilization_window_seconds  for which time a smaller size must have been enough
    """

    min_replicas: Replicas = 1
    max_replicas: AtLeastOne = 100
    max_lag_seconds: Seconds = 30.0
    catch_up_seconds: Seconds = 60.0
    lag_per_replica: Annotated[int, Meta(ge=1)] = 1000
    consumers_per_pod: Annotated[int, Meta(ge=1, le=1000)] = 1
    utilization: Annotated[float, Meta(gt=0, le=1)] = 0.7
    stabilization_window_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 120.0
    offset_reset: OffsetReset = OffsetReset.EARLIEST
    manual_zero: ManualZero = ManualZero.RESPECT
    pause: Pause | None = None
    fallback: Fallback | None = None
    dry_run: bool = False

    @property
    def policy(self) -> Policy:
        """Return the policy alone, without what a subclass adds: the part a decision depends on."""
        return Policy(**{name: getattr(self, name) for name in Policy.__struct_fields__})


class StreamWorkerSpec(Policy, frozen=True, kw_only=True):
    """The whole spec: a policy, and whom it concerns."""

    kafka: KafkaSpec
    scale_target_ref: ScaleTargetRef
    consumer_group: Name
    topics: Annotated[tuple[Name, ...], Meta(min_length=1, max_length=256)]


def parse_stream_worker(spec: Mapping[str, Any]) -> StreamWorkerSpec:
    """Return the `spec` of a StreamWorker; raise SpecError with the path of the first bad field."""
    worker = parsed(StreamWorkerSpec, spec)
    check_kafka(worker.kafka)
    check_policy(worker)
    _check_target(worker)
    return worker


def parse_policy(value: Mapping[str, Any], at: str = "spec") -> Policy:
    """Return a policy alone, as callers without Kubernetes have it; raise SpecError with the path."""
    policy = parsed(Policy, value, at)
    check_policy(policy, at)
    return policy


def check_policy(policy: Policy, at: str = "spec") -> None:
    """Raise SpecError where fields contradict each other, naming both."""
    if policy.min_replicas > policy.max_replicas:
        raise SpecError(
            f"{at}.minReplicas", f"{policy.min_replicas} is above maxReplicas, {policy.max_replicas}"
        )
    if policy.fallback and policy.fallback.replicas > policy.max_replicas:
        raise SpecError(
            f"{at}.fallback.replicas",
            f"{policy.fallback.replicas} is above maxReplicas, {policy.max_replicas}",
        )
    if policy.pause and policy.pause.mode is PauseMode.AT and policy.pause.replicas is None:
        raise SpecError(f"{at}.pause.replicas", "is required with mode At")
    if policy.pause and policy.pause.mode is not PauseMode.AT and policy.pause.replicas is not None:
        raise SpecError(f"{at}.pause.mode", "must be At where pause.replicas is given")


def _check_target(worker: StreamWorkerSpec) -> None:
    target = worker.scale_target_ref
    if (target.api_version, target.kind) != ("apps/v1", "Deployment"):
        raise SpecError("spec.scaleTargetRef.kind", "only a Deployment of apps/v1 can be scaled")
    if len(set(worker.topics)) != len(worker.topics):
        raise SpecError("spec.topics", "a topic is named twice")
