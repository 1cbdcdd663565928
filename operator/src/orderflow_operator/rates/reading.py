"""What the lag reader saw, as the samples a decision is made from; and back: where lag counts from. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from orderflow_lag.observation import (
    GroupObservation,
    Observation,
    Reset,
    Subscription,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.truth import GroupLag, PartitionLag
from orderflow_operator.rates.memory import Memory
from orderflow_operator.rates.samples import PartitionSample
from orderflow_operator.spec.streamworker import OffsetReset

_RESETS = {OffsetReset.EARLIEST: Reset.EARLIEST, OffsetReset.LATEST: Reset.LATEST}


def samples_of(
    lag: GroupLag, group: Observation | GroupObservation | Unreadable
) -> tuple[PartitionSample, ...]:
    """Return one sample per partition of a group's lag, with the member that owns it."""
    seen = group.groups.get(lag.group) if isinstance(group, Observation) else group
    owners = _owners(seen) if isinstance(seen, GroupObservation) else {}
    return tuple(_sample(one, owners.get(one.partition)) for one in lag.partitions)


def subscription(
    group: str, topics: Iterable[str], reset: OffsetReset = OffsetReset.EARLIEST, memory: Memory | None = None
) -> Subscription:
    """Return what to ask the lag reader, with the offsets that the memory kept for this group."""
    memory = memory or Memory()
    baseline = {
        TopicPartition(topic, number): end
        for topic, ends in memory.baselines.items()
        for number, end in enumerate(ends)
    }
    known = {
        TopicPartition(row.topic, row.partition): row.committed
        for row in memory.partitions
        if row.committed is not None
    }
    return Subscription(group, frozenset(topics), _RESETS[reset], baseline, known)


def _owners(group: GroupObservation) -> dict[TopicPartition, str]:
    return {partition: member.member_id for member in group.members for partition in member.assignment}


def _sample(lag: PartitionLag, owner: str | None) -> PartitionSample:
    return PartitionSample(
        topic=lag.partition.topic,
        partition=lag.partition.partition,
        end=lag.log.end if lag.log else None,
        # What is finished past a record that waits for another attempt was done: a wait is no stall.
        position=None if lag.position is None else lag.position + lag.finished,
        lag=lag.records,
        owner=owner,
        committed=lag.committed,
    )
