"""The loop of the TopicSets: each of them once a poll, then what the deleted ones left behind."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from orderflow_lag.observation import Unreadable
from orderflow_operator.access import Access, AccessBook, NoAccess
from orderflow_operator.events import EventRecorder, EventType
from orderflow_operator.kube import ApiError, Document
from orderflow_operator.observe_cluster import TOPIC_SETS, ClusterView, Key
from orderflow_operator.scaling.words import rfc3339
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.topicset import parse_topic_set
from orderflow_operator.topics.changes import Happened
from orderflow_operator.topicsets import NotTheWriter, TopicAdmin, TopicSets

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class TopicRounds:
    """Reconciles every TopicSet while the Lease is held; `run` is called by one thread.

    `progress` is called after each: together they may take longer than a round that is stuck.
    """

    view: ClusterView
    topic_sets: TopicSets
    book: AccessBook
    events: EventRecorder
    may_write: Callable[[], bool]
    progress: Callable[[], None]
    clock: Callable[[], float] = time.time
    _last_seen: dict[Key, Document] = field(default_factory=dict)
    _clients: dict[Access, tuple[str, TopicAdmin]] = field(default_factory=dict)

    def run(self) -> None:
        """Make one pass over all TopicSets."""
        if not self.may_write():
            self._last_seen.clear()
            return
        found = self.view.all(TOPIC_SETS)
        try:
            for key, last_seen in list(self._last_seen.items()):
                if uid_of(found.get(key)) != uid_of(last_seen):
                    self._release(key)
            for document in found.values():
                self._reconcile(document)
                self.progress()
            self._sweep(found.values())
        except NotTheWriter:
            return
        self._last_seen |= found

    def _reconcile(self, document: Document) -> None:
        metadata = document["metadata"]
        try:
            outcome = self.topic_sets.reconcile(document, self._kafka(document), rfc3339(self.clock()))
        except ApiError as error:
            log.warning("a TopicSet has to wait", topicset=metadata["name"], reason=str(error))
            return
        self._tell(document, outcome.changes)

    def _release(self, key: Key) -> None:
        """Do what the deletion of a TopicSet asks for; it is forgotten only once that is done."""
        last_seen = self._last_seen[key]
        try:
            self._tell(last_seen, self.topic_sets.released(last_seen, self._kafka(last_seen)))
        except ApiError as error:
            log.warning("the topics of a TopicSet that is gone have to wait", topicset=key, reason=str(error))
            return
        del self._last_seen[key]

    def _sweep(self, known: Iterable[Document]) -> None:
        try:
            for one in self.topic_sets.sweep(known):
                log.info("a topic is released", reason=one.reason, message=one.message)
        except ApiError as error:
            log.warning("KafkaTopics without TopicSet have to wait", reason=str(error))

    def _kafka(self, document: Document) -> TopicAdmin | Unreadable:
        try:
            spec = parse_topic_set(document.get("spec") or {})
            access = self.book.of(document["metadata"]["namespace"], spec.kafka)
        except (SpecError, NoAccess) as error:
            return Unreadable(str(error))
        version, client = self._clients.get(access, ("", None))
        if client is None or version != access.version:
            client = TopicAdmin.connect(access.config)
            self._clients[access] = (access.version, client)
        return client

    def _tell(self, document: Document, changes: Iterable[Happened]) -> None:
        for one in changes:
            kind: EventType = "Warning" if one.warning else "Normal"
            self.events.record(document, kind, one.reason, one.message)


def uid_of(document: Document | None) -> str | None:
    """Return what tells a resource from another one of the same name."""
    return None if document is None else str(document["metadata"]["uid"])
