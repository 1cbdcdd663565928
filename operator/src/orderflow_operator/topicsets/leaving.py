"""What becomes of topics whose TopicSet is gone, or has moved to another backend or cluster."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from orderflow_lag.observation import Unreadable
from orderflow_operator.kube import ApiError, Conflict, Document, KubeApi, NotFound, path
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.topicset import Backend, DeletionPolicy, TopicSetSpec, parse_topic_set
from orderflow_operator.topics.changes import Happened
from orderflow_operator.topics.fields import with_annotation
from orderflow_operator.topics.manifests import (
    CLUSTER_LABEL,
    POLICY_ANNOTATION,
    Cluster,
    Owner,
    annotation,
    is_owned,
    label,
    owner_of,
)
from orderflow_operator.topics.release import release
from orderflow_operator.topics.status import recorded
from orderflow_operator.topicsets.brokers import TopicAdmin
from orderflow_operator.topicsets.kafka_topics import NotServed
from orderflow_operator.topicsets.naming import API_VERSION, PLURAL, owner_of_document
from orderflow_operator.topicsets.strimzi import StrimziBackend, cluster_of
from orderflow_operator.topicsets.writing import Pen


@dataclass(frozen=True, slots=True)
class Leaving:
    """Ends what TopicSets began."""

    api: KubeApi
    strimzi: StrimziBackend
    pen: Pen

    def released(self, last_seen: Document, kafka: TopicAdmin | Unreadable) -> tuple[Happened, ...]:
        """Act on the policy a TopicSet had when it was last seen; one that is still there is left alone."""
        owner, spec = owner_of_document(last_seen), _spec(last_seen)
        if spec is None or not self._is_gone(owner):
            return ()
        if spec.backend is Backend.STRIMZI:
            self._record_policy(spec, owner)
            return ()
        if spec.deletion_policy is not DeletionPolicy.DELETE:
            return ()
        return self._delete([name for name, topic in recorded(last_seen).items() if topic.owned], kafka)

    def sweep(self, known: Iterable[Document]) -> tuple[Happened, ...]:
        """Make the next step for every KafkaTopic of ours that nobody declares."""
        topic_sets = {one["metadata"]["uid"]: one for one in known}
        try:
            ours = self.strimzi.kafka_topics.owned()
        except NotServed:
            return ()
        happened: list[Happened] = []
        for kafka_topic in ours:
            policy = self._policy(kafka_topic, topic_sets)
            if policy is None:
                continue
            step = release(kafka_topic, policy)
            status = self.strimzi.release(step)
            if step.manifest or step.delete:
                happened.append(Happened("TopicReleasing", f"topic {status.name}: {status.message}"))
        return tuple(happened)

    def _policy(self, kafka_topic: Document, topic_sets: dict[str, Document]) -> DeletionPolicy | None:
        """Return by which policy to release a KafkaTopic; None when it is to stay."""
        owner = owner_of(kafka_topic)
        if owner is None:
            return None
        if there := topic_sets.get(owner.uid):
            # It lives on under another backend or cluster; its topics are not to be deleted for that.
            return None if _wants(there, owner, kafka_topic) else DeletionPolicy.RETAIN
        if not self._is_gone(owner):
            return None
        said = annotation(kafka_topic, POLICY_ANNOTATION)
        return DeletionPolicy.DELETE if said == DeletionPolicy.DELETE else DeletionPolicy.RETAIN

    def _is_gone(self, owner: Owner) -> bool:
        """Tell whether a TopicSet certainly exists no longer.

        It is looked for in a list: to ask for it by name would have the same answer where the API server
        no longer knows TopicSets at all, and then nobody said that topics may go.
        """
        at = path(API_VERSION, PLURAL, owner.namespace)
        try:
            found = self.api.list(at, fieldSelector=f"metadata.name={owner.name}")
        except ApiError:
            return False
        return all(one["metadata"]["uid"] != owner.uid for one in found)

    def _record_policy(self, spec: TopicSetSpec, owner: Owner) -> None:
        """Leave the last policy on the KafkaTopics; it may have changed since they were applied."""
        kafka_topics = self.strimzi.kafka_topics
        try:
            live = kafka_topics.of(cluster_of(spec, owner).namespace)
        except NotServed:
            return
        for one in live:
            if is_owned(one, owner) and annotation(one, POLICY_ANNOTATION) != spec.deletion_policy:
                self.pen.take()
                try:
                    kafka_topics.apply(with_annotation(one, POLICY_ANNOTATION, spec.deletion_policy))
                except (Conflict, NotFound):
                    continue

    def _delete(self, names: list[str], kafka: TopicAdmin | Unreadable) -> tuple[Happened, ...]:
        if isinstance(kafka, Unreadable):
            return tuple(_stays(name, kafka.reason) for name in names)
        self.pen.take()
        problems = kafka.delete(names)
        return tuple(
            _stays(name, problems[name].text) if name in problems else _deleted(name) for name in names
        )


def _spec(document: Document) -> TopicSetSpec | None:
    try:
        return parse_topic_set(document.get("spec") or {})
    except SpecError:
        return None


def _wants(topic_set: Document, owner: Owner, kafka_topic: Document) -> bool:
    """Tell whether a TopicSet still answers for a KafkaTopic; one that cannot be read may."""
    spec = _spec(topic_set)
    if spec is None:
        return True
    if spec.backend is not Backend.STRIMZI:
        return False
    here = Cluster(kafka_topic["metadata"]["namespace"], label(kafka_topic, CLUSTER_LABEL) or "")
    return cluster_of(spec, owner) == here


def _deleted(name: str) -> Happened:
    return Happened("TopicDeleted", f"topic {name} was deleted with its TopicSet, as deletionPolicy says")


def _stays(name: str, problem: str) -> Happened:
    return Happened("TopicKept", f"topic {name} could not be deleted and stays: {problem}", warning=True)
