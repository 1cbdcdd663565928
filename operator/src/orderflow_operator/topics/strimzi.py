"""The Strimzi backend's plan: which KafkaTopics to apply and to release, and what each topic's state is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from orderflow_lag.observation import Unreadable
from orderflow_operator.spec.topicset import TopicEntry, TopicSetSpec
from orderflow_operator.topics.broker import Seen, partitions_of
from orderflow_operator.topics.fields import Document, is_applied, yielding
from orderflow_operator.topics.holders import in_kafka, of_kafka_topic
from orderflow_operator.topics.kafka_topic import declared_partitions, state_of
from orderflow_operator.topics.manifests import (
    CLUSTER_LABEL,
    Cluster,
    Owner,
    desired_manifest,
    is_owned,
    label,
    resource_name,
    topic_name,
)
from orderflow_operator.topics.release import Release, release
from orderflow_operator.topics.sizing import Sizing, sized
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything a plan follows from: the KafkaTopics of the cluster's namespace, Kafka, our last status."""

    kafka_topics: Sequence[Document]
    broker: Mapping[str, Seen]
    recorded: Mapping[str, TopicStatus] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declaration:
    """What is to be done for one entry: `manifest` to apply, if any; `standing` is what forbids it.

    `kept` names the settings that somebody edited in the KafkaTopic and that stay so.
    """

    entry: TopicEntry
    kafka_topic: Document | None
    seen: Seen
    recorded: TopicStatus | None
    sizing: Sizing
    owned: bool
    manifest: Document | None = None
    standing: Standing | None = None
    kept: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Planner:
    """Plans for one TopicSet whose KafkaTopics belong to one Kafka resource."""

    spec: TopicSetSpec
    owner: Owner
    cluster: Cluster
    api_version: str

    def declarations(self, observed: Observed) -> tuple[Declaration, ...]:
        """Return one declaration per entry of the spec, in its order."""
        return tuple(self._declared(entry, observed) for entry in self.spec.topics)

    def releases(self, observed: Observed) -> tuple[Release, ...]:
        """Return the releases of this TopicSet's KafkaTopics whose topics are no longer in the spec."""
        names = {entry.name for entry in self.spec.topics}
        return tuple(
            release(one, self.spec.deletion_policy)
            for one in observed.kafka_topics
            if is_owned(one, self.owner) and self._is_here(one) and topic_name(one) not in names
        )

    def _declared(self, entry: TopicEntry, observed: Observed) -> Declaration:
        live = self._find(entry.name, observed.kafka_topics)
        seen, recorded = observed.broker.get(entry.name), observed.recorded.get(entry.name)
        owned = is_owned(live, self.owner) if live else bool(recorded and recorded.owned)
        sizing = sized(entry, _existing(live, seen, recorded), recorded)
        one = Declaration(entry, live, seen, recorded, sizing, owned)
        standing = of_kafka_topic(entry, self.owner, live, seen) if live else in_kafka(entry, seen, owned)
        return replace(one, standing=standing) if standing else self._with_manifest(one, observed)

    def _with_manifest(self, one: Declaration, observed: Observed) -> Declaration:
        live = one.kafka_topic
        others = (k for k in observed.kafka_topics if not self._is_for(k, one.entry.name))
        taken = {other["metadata"]["name"] for other in others}
        manifest = desired_manifest(
            one.entry,
            self.owner,
            self.cluster,
            self.spec.deletion_policy,
            api_version=self.api_version,
            name=live["metadata"]["name"] if live else resource_name(one.entry.name, self.cluster, taken),
            partitions=one.sizing.partitions,
        )
        kept: tuple[str, ...] = ()
        if live and not one.entry.adopt:
            manifest, kept = yielding(manifest, live)
        if live and is_applied(manifest, live):
            return replace(one, owned=True, kept=kept)
        return replace(one, owned=True, kept=kept, manifest=manifest)

    def _find(self, topic: str, kafka_topics: Sequence[Document]) -> Document | None:
        """Return the KafkaTopic that counts: ours, or else the oldest, which the Topic Operator serves."""
        found = [one for one in kafka_topics if self._is_for(one, topic)]
        found.sort(key=lambda one: (not is_owned(one, self.owner), one["metadata"]["creationTimestamp"]))
        return found[0] if found else None

    def _is_for(self, kafka_topic: Document, topic: str) -> bool:
        return self._is_here(kafka_topic) and topic_name(kafka_topic) == topic

    def _is_here(self, kafka_topic: Document) -> bool:
        return label(kafka_topic, CLUSTER_LABEL) == self.cluster.name


def status_after(one: Declaration, live: Document | None) -> TopicStatus:
    """Return an entry's status, given its KafkaTopic as it is once the declaration was applied."""
    standing = one.standing or _summed(one, state_of(live, one.seen) if live else None)
    known = partitions_of(one.seen)
    if isinstance(one.seen, Unreadable):
        known = one.recorded.partitions if one.recorded else None
        if standing.state is State.READY:
            known = max(known or 0, declared_partitions(live) or 0) or None
    return TopicStatus(
        name=one.entry.name,
        state=standing.state,
        reason=standing.reason,
        message=standing.message,
        partitions=known,
        desired_partitions=one.entry.partitions,
        owned=one.owned,
    )


def _existing(live: Document | None, seen: Seen, recorded: TopicStatus | None) -> int | None:
    known = [declared_partitions(live), partitions_of(seen)]
    if isinstance(seen, Unreadable) and recorded:
        known.append(recorded.partitions)
    return max((count for count in known if count), default=None)


def _summed(one: Declaration, found: Standing | None) -> Standing:
    """Return what matters most: an error, our refusal, what is awaited, a remark."""
    found = found or Standing(State.PENDING, Reason.CREATING, "the KafkaTopic is not there yet")
    if found.state not in (State.READY, State.PENDING):
        return found
    remark = one.sizing.standing
    if remark and remark.state is State.REFUSED:
        return remark
    if found.state is State.PENDING:
        return found
    if one.kept and not remark:
        text = f"left as someone edited it: {', '.join(one.kept)}; set adopt: true to take it back"
        return Standing(State.READY, Reason.KEPT_EDITS, text)
    return remark or found
