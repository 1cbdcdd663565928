"""TopicSets on a cluster: one pass for one of them, and what becomes of topics whose TopicSet is gone.

Every write is server-side apply or names the object it read, so a pass may be repeated at any time. We set
no finalizer: a TopicSet is deleted at once, and its KafkaTopics, which say whose they are and what was
wanted for them, are found and released afterwards.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from orderflow_lag.observation import Unreadable
from orderflow_operator.kube import Document, KubeApi, NotFound, path
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.topicset import Backend, TopicSetSpec, parse_topic_set
from orderflow_operator.topics.changes import Happened, happened
from orderflow_operator.topics.manifests import Owner
from orderflow_operator.topics.status import TopicStatus, invalid_condition, ready_condition, recorded
from orderflow_operator.topicsets.admin import AdminBackend
from orderflow_operator.topicsets.brokers import TopicAdmin
from orderflow_operator.topicsets.kafka_topics import KafkaTopics
from orderflow_operator.topicsets.leaving import Leaving
from orderflow_operator.topicsets.naming import API_VERSION, PLURAL, owner_of_document
from orderflow_operator.topicsets.status import StatusWriter
from orderflow_operator.topicsets.strimzi import StrimziBackend
from orderflow_operator.topicsets.writing import Pen


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one pass found: the status as it stands now, its topics, and what became different."""

    status: Document
    topics: tuple[TopicStatus, ...]
    changes: tuple[Happened, ...]


class TopicSets:
    """Reconciles TopicSets; `may_write` is asked before every write. Used from one thread at a time.

    `namespaces` are those that the operator may look into; none means all.
    """

    def __init__(self, api: KubeApi, may_write: Callable[[], bool], namespaces: Sequence[str] = ()) -> None:
        self._api = api
        self._pen = Pen(may_write)
        self._strimzi = StrimziBackend(KafkaTopics(api, namespaces), self._pen)
        self._admin = AdminBackend(self._pen)
        self._leaving = Leaving(api, self._strimzi, self._pen)
        self._statuses: dict[str, Document] = {}  # by uid, as last seen or written

    def reconcile(self, document: Document, kafka: TopicAdmin | Unreadable, now: str) -> Outcome:
        """Make one pass for a TopicSet and write its status if it changed; `now` is RFC 3339.

        `document` may be of a while ago, as a watch shows it. `kafka` is Unreadable where no client could be
        made. Raise ApiError when the API server does not do its part, NotTheWriter when the Lease is lost.
        """
        document = self._as_it_is(document)
        before = recorded(document)
        if document["metadata"].get("deletionTimestamp"):
            return Outcome(document.get("status") or {}, tuple(before.values()), ())
        status = StatusWriter(self._api, self._pen, document, now)
        try:
            topics = self._brought_about(document, kafka, status)
        finally:
            self._statuses[document["metadata"]["uid"]] = status.status
        return Outcome(status.status, topics, happened(before, topics))

    def released(self, last_seen: Document, kafka: TopicAdmin | Unreadable) -> tuple[Happened, ...]:
        """Do what the deletion of a TopicSet asks for, given the TopicSet as it was last seen.

        To be called once, when it is missed, and before `sweep`. Raise ApiError or NotTheWriter.
        """
        uid = last_seen["metadata"]["uid"]
        status = self._statuses.get(uid) or last_seen.get("status") or {}
        happened = self._leaving.released(last_seen | {"status": status}, kafka)
        self._statuses.pop(uid, None)
        return happened

    def sweep(self, known: Iterable[Document]) -> tuple[Happened, ...]:
        """Release the KafkaTopics of TopicSets that are gone or no longer want them, one step each.

        `known` are the TopicSets that exist; one that is not among them is looked for before its
        KafkaTopics are touched. Raise ApiError or NotTheWriter.
        """
        return self._leaving.sweep(known)

    def _as_it_is(self, document: Document) -> Document:
        """Return the TopicSet as it is now: the status says which topics are ours, and a watch is late."""
        metadata = document["metadata"]
        found = self._api.get(path(API_VERSION, PLURAL, metadata["namespace"], metadata["name"]))
        if found["metadata"]["uid"] != metadata["uid"]:
            raise NotFound(f"TopicSet {metadata['namespace']}/{metadata['name']} is another one by now")
        return found

    def _brought_about(
        self, document: Document, kafka: TopicAdmin | Unreadable, status: StatusWriter
    ) -> tuple[TopicStatus, ...]:
        try:
            spec = parse_topic_set(document.get("spec") or {})
        except SpecError as error:
            topics = tuple(recorded(document).values())
            status.write(topics, invalid_condition(str(error)))
            return topics
        topics = self._pass(spec, owner_of_document(document), kafka, status)
        status.write(topics, ready_condition(topics))
        return topics

    def _pass(
        self, spec: TopicSetSpec, owner: Owner, kafka: TopicAdmin | Unreadable, status: StatusWriter
    ) -> tuple[TopicStatus, ...]:
        before = status.recorded(None if isinstance(kafka, Unreadable) else kafka.cluster_id())
        if spec.backend is Backend.STRIMZI:
            return self._strimzi.reconcile(spec, owner, kafka, before)

        def announce(topics: Sequence[TopicStatus]) -> None:
            status.write(topics, ready_condition(topics))

        return self._admin.reconcile(spec, kafka, before, announce)
