"""One pass of the Strimzi backend: KafkaTopics and Kafka as they are, the plan, server-side apply."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from orderflow_lag.observation import Unreadable
from orderflow_operator.kube import ApiError, Conflict, NotFound
from orderflow_operator.spec.topicset import TopicSetSpec
from orderflow_operator.topics.broker import Seen
from orderflow_operator.topics.manifests import Cluster, Owner, is_owned, topic_name
from orderflow_operator.topics.release import Release, status_of_release
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus
from orderflow_operator.topics.strimzi import Declaration, Observed, Planner, status_after
from orderflow_operator.topicsets.brokers import TopicAdmin
from orderflow_operator.topicsets.kafka_topics import KafkaTopics, NotServed
from orderflow_operator.topicsets.writing import Pen


@dataclass(frozen=True, slots=True)
class StrimziBackend:
    """Brings KafkaTopics to what TopicSets declare."""

    kafka_topics: KafkaTopics
    pen: Pen

    def reconcile(
        self,
        spec: TopicSetSpec,
        owner: Owner,
        kafka: TopicAdmin | Unreadable,
        recorded: Mapping[str, TopicStatus],
    ) -> tuple[TopicStatus, ...]:
        """Make one pass and return the topics' states; raise ApiError or NotTheWriter."""
        cluster = cluster_of(spec, owner)
        try:
            planner = Planner(spec, owner, cluster, self.kafka_topics.version())
            live = self.kafka_topics.of(cluster.namespace)
        except NotServed as missing:
            return _all_failed(spec, recorded, str(missing))
        names = [entry.name for entry in spec.topics]
        names += [topic_name(one) for one in live if is_owned(one, owner)]
        broker = dict.fromkeys(names, kafka) if isinstance(kafka, Unreadable) else kafka.topics(names)
        observed = Observed(live, broker, recorded)
        declared = [self._declare(one) for one in planner.declarations(observed)]
        released = [
            self.release(one, broker[topic_name(one.kafka_topic)]) for one in planner.releases(observed)
        ]
        return (*declared, *released)

    def release(self, one: Release, seen: Seen = None) -> TopicStatus:
        """Make the next step of a release; who changed the KafkaTopic meanwhile is asked again next time."""
        try:
            if one.manifest:
                self.pen.take()
                self.kafka_topics.apply(one.manifest)
            elif one.delete:
                self.pen.take()
                self.kafka_topics.delete(one.kafka_topic)
        except (Conflict, NotFound):
            pass
        return status_of_release(one, seen)

    def _declare(self, one: Declaration) -> TopicStatus:
        if one.manifest is None:
            return status_after(one, one.kafka_topic)
        self.pen.take()
        try:
            return status_after(one, self.kafka_topics.apply(one.manifest))
        except ApiError as error:
            owned = bool(one.recorded and one.recorded.owned)
            failed = replace(one, owned=owned, standing=Standing(State.FAILED, Reason.API_ERROR, str(error)))
            return status_after(failed, one.kafka_topic)


def cluster_of(spec: TopicSetSpec, owner: Owner) -> Cluster:
    """Return the Kafka resource of a TopicSet with the backend Strimzi."""
    reference = spec.kafka.cluster_ref
    assert reference is not None, "the parser refuses the backend Strimzi without clusterRef"
    return Cluster(reference.namespace or owner.namespace, reference.name)


def _all_failed(
    spec: TopicSetSpec, recorded: Mapping[str, TopicStatus], problem: str
) -> tuple[TopicStatus, ...]:
    return tuple(
        _failed(recorded.get(entry.name), entry.name, entry.partitions, problem) for entry in spec.topics
    )


def _failed(before: TopicStatus | None, name: str, partitions: int, problem: str) -> TopicStatus:
    """Return the status of a topic that nothing could be done for."""
    return TopicStatus(
        name=name,
        state=State.FAILED,
        reason=Reason.API_ERROR,
        message=problem,
        partitions=before.partitions if before else None,
        desired_partitions=partitions,
        owned=before.owned if before else False,
    )
