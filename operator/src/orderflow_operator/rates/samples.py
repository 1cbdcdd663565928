"""One poll of one worker, as the caller saw it, and the shape of every value here. Pure.

Times are seconds since the epoch, rates records per second, lag records. Arrivals and rates are counted
in offsets, so they include the markers of transactions on both sides.
"""

from __future__ import annotations

from msgspec import Struct


class Value(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A value that goes into a status: immutable, camelCase, without the fields that say nothing."""


class Row(Struct, frozen=True, kw_only=False, array_like=True):
    """A value that a status holds many of: written as a short list."""


class PartitionSample(Value, frozen=True, kw_only=True):
    """One partition at one poll; end, position and lag are None while they are unknown.

    `position` is the offset from which lag counts, were what is finished past it a part of what lies before
    it; `committed` is the real commit, if there is one.
    `owner` is the id of the member that the partition is assigned to.
    """

    topic: str
    partition: int
    end: int | None = None
    position: int | None = None
    lag: int | None = None
    owner: str | None = None
    committed: int | None = None


class Target(Value, frozen=True, kw_only=True):
    """The workload that is scaled: `replicas` is what its spec asks for, `ready` what runs."""

    replicas: int
    ready: int
    rolling_out: bool = False
    exists: bool = True


class Sample(Value, frozen=True, kw_only=True):
    """One poll of one worker.

    group       state of the consumer group, Kafka's word (orderflow_lag GroupState)
    members     members of the group
    lag_seconds age of the oldest unread record, None while unknown
    problem     why the lag could not be read, None when it could
    conflict    who else scales the target
    blocked     what has to be there before the first worker, such as topics that are not ready
    """

    at: float
    group: str
    members: int
    partitions: tuple[PartitionSample, ...]
    target: Target
    lag_seconds: float | None = None
    problem: str | None = None
    conflict: str | None = None
    blocked: str | None = None
