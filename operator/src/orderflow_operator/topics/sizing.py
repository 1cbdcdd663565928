"""How many partitions a topic may be asked to have: never fewer, more only where keys may move."""

from __future__ import annotations

from msgspec import Struct

from orderflow_operator.spec.topicset import TopicEntry
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus


class Sizing(Struct, frozen=True):
    """The partitions to ask for; `standing` when they are not the ones the spec asks for."""

    partitions: int
    standing: Standing | None = None


def sized(entry: TopicEntry, existing: int | None, recorded: TopicStatus | None) -> Sizing:
    """Return what to ask for, given the partitions that exist and what the status recorded before.

    A topic that grew after we had it is accepted as it is; a spec that asks for fewer partitions than there
    are is refused, also where the topic was taken out of the spec and comes back smaller.
    """
    if existing is None or existing == entry.partitions:
        return Sizing(entry.partitions)
    if existing < entry.partitions:
        if entry.keyed and not entry.allow_repartition:
            return Sizing(existing, _repartition(entry, existing))
        return Sizing(entry.partitions)
    return Sizing(existing, _grown(entry, existing) if _had(entry, recorded) else _decrease(entry, existing))


def _had(entry: TopicEntry, recorded: TopicStatus | None) -> bool:
    """Tell whether the topic was ours and not larger than the spec when the status was written."""
    if recorded is None or not recorded.owned or recorded.reason == Reason.DECREASE_REFUSED:
        return False
    return (recorded.desired_partitions or 0) <= entry.partitions


def _grown(entry: TopicEntry, existing: int) -> Standing:
    text = f"Kafka has {existing} partitions, {entry.partitions} are declared: someone else added them"
    return Standing(State.READY, Reason.MORE_PARTITIONS, text)


def _decrease(entry: TopicEntry, existing: int) -> Standing:
    text = (
        f"Kafka has {existing} partitions and cannot take any away; "
        f"declare at least {existing} instead of {entry.partitions}"
    )
    return Standing(State.REFUSED, Reason.DECREASE_REFUSED, text)


def _repartition(entry: TopicEntry, existing: int) -> Standing:
    text = (
        f"raising {existing} partitions to {entry.partitions} sends keys to other partitions than before; "
        "set allowRepartition: true once the backlog is consumed, or keyed: false if order does not matter"
    )
    return Standing(State.REFUSED, Reason.REPARTITION_REFUSED, text)
