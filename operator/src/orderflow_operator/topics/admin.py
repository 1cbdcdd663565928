"""The Admin backend's plan: what to create, raise and configure in Kafka, and each topic's state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orderflow_lag.observation import Unreadable
from orderflow_operator.spec.topicset import DeletionPolicy, TopicEntry, TopicSetSpec
from orderflow_operator.topics.broker import BrokerTopic, Seen, partitions_of
from orderflow_operator.topics.holders import in_kafka
from orderflow_operator.topics.sizing import Sizing, sized
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be done to one topic: each part None or empty where nothing is.

    `config` holds values to set, and None for a setting that goes back to its default.
    """

    entry: TopicEntry
    seen: Seen
    recorded: TopicStatus | None
    sizing: Sizing
    owned: bool = False
    create: bool = False
    raise_to: int | None = None
    config: Mapping[str, str | None] | None = None
    standing: Standing | None = None

    @property
    def is_settled(self) -> bool:
        """Tell whether there is nothing to do."""
        return not (self.create or self.raise_to or self.config)


def changes(
    spec: TopicSetSpec, broker: Mapping[str, Seen], recorded: Mapping[str, TopicStatus]
) -> tuple[Change, ...]:
    """Return one change per entry of the spec, in its order."""
    return tuple(_change(entry, broker.get(entry.name), recorded.get(entry.name)) for entry in spec.topics)


def removals(spec: TopicSetSpec, recorded: Mapping[str, TopicStatus]) -> tuple[str, ...]:
    """Return the topics of ours that are to be deleted because the spec no longer declares them."""
    if spec.deletion_policy is not DeletionPolicy.DELETE:
        return ()
    names = {entry.name for entry in spec.topics}
    return tuple(name for name, topic in recorded.items() if topic.owned and name not in names)


def announced(change: Change) -> TopicStatus:
    """Return the status that says a topic is going to be made by us.

    It is written before: a topic that exists without it counts as somebody else's.
    """
    standing = Standing(State.PENDING, Reason.CREATING, "the topic is being created")
    return _status(change, standing, owned=True)


def status_after(change: Change, seen: Seen, problem: Standing | None) -> TopicStatus:
    """Return an entry's status, given its topic once the change was made, or why it could not be made."""
    now = replace(change, seen=seen)
    return _status(now, problem or change.standing or _summed(now), owned=change.owned)


def _status(change: Change, standing: Standing, *, owned: bool) -> TopicStatus:
    """Return the status of a change's topic with this standing."""
    known = partitions_of(change.seen)
    if isinstance(change.seen, Unreadable) and change.recorded:
        known = change.recorded.partitions
    return TopicStatus(
        name=change.entry.name,
        state=standing.state,
        reason=standing.reason,
        message=standing.message,
        partitions=known,
        desired_partitions=change.entry.partitions,
        owned=owned,
        config_keys=_config_keys(change) if owned else (),
    )


def _change(entry: TopicEntry, seen: Seen, recorded: TopicStatus | None) -> Change:
    owned = bool(recorded and recorded.owned)
    sizing = sized(entry, partitions_of(seen), recorded)
    one = Change(entry, seen, recorded, sizing, owned)
    if standing := in_kafka(entry, seen, owned):
        return replace(one, standing=standing)
    if not isinstance(seen, BrokerTopic):
        return replace(one, owned=True, create=True)
    raised = sizing.partitions if sizing.partitions > seen.partitions else None
    return replace(one, owned=True, raise_to=raised, config=_config(entry, seen, recorded) or None)


def _config(entry: TopicEntry, seen: BrokerTopic, recorded: TopicStatus | None) -> dict[str, str | None]:
    wanted = entry.settings
    set_before = recorded.config_keys if recorded else ()
    back: dict[str, str | None] = {
        name: None for name in set_before if name not in wanted and name in seen.config
    }
    return back | {name: value for name, value in wanted.items() if seen.config.get(name) != value}


def _config_keys(change: Change) -> tuple[str, ...]:
    """Return the settings that we answer for: those declared, and those of before that still stand."""
    wanted = set(change.entry.settings)
    before = set(change.recorded.config_keys) if change.recorded else set()
    standing = set(change.seen.config) if isinstance(change.seen, BrokerTopic) else before
    return tuple(sorted(wanted | (before & standing)))


def _summed(change: Change) -> Standing:
    entry, seen = change.entry, change.seen
    if not isinstance(seen, BrokerTopic):
        return Standing(State.PENDING, Reason.NOT_IN_KAFKA, "Kafka does not show the topic yet")
    if change.sizing.standing and change.sizing.standing.state is State.REFUSED:
        return change.sizing.standing
    if seen.partitions < entry.partitions:
        text = f"Kafka shows {seen.partitions} partitions of {entry.partitions} so far"
        return Standing(State.PENDING, Reason.NOT_IN_KAFKA, text)
    if entry.replicas is not None and entry.replicas != seen.replicas:
        text = (
            f"each partition has {seen.replicas} replicas, {entry.replicas} are declared; "
            "move them with kafka-reassign-partitions.sh or declare what is there"
        )
        return Standing(State.REFUSED, Reason.REPLICAS_REFUSED, text)
    return change.sizing.standing or Standing(State.READY, Reason.READY)
