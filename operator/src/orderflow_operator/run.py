"""The operator process: the endpoint, the Lease, the loops and kopf, put together."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Any, cast

import kopf
import structlog

from orderflow_operator import metrics
from orderflow_operator.access import AccessBook
from orderflow_operator.apply import Writer
from orderflow_operator.events import EventRecorder
from orderflow_operator.handlers import kopf_settings, registry_for
from orderflow_operator.health import Vitals, health_pages
from orderflow_operator.kube import ApiError, KubeApi
from orderflow_operator.lease import Lease
from orderflow_operator.loop import Loop, Rounds
from orderflow_operator.observe_cluster import (
    KAFKA_TOPICS,
    STREAM_WORKERS,
    TOPIC_SETS,
    ClusterView,
    Kind,
)
from orderflow_operator.observe_kafka import KafkaObserver
from orderflow_operator.poll import Polling
from orderflow_operator.refusals import Refusals
from orderflow_operator.settings import OperatorSettings
from orderflow_operator.topic_rounds import TopicRounds
from orderflow_operator.topicsets import TopicSets
from orderflow_operator.watches import WatchAudit
from orderflow_operator.workers import Workers
from orderflow_process.endpoint import Endpoint

_TOPIC_ROUND = "the round of the TopicSets"
_WRITES_AT_A_TIME = 8
_ROUND_SECONDS = 1.0
_AUDIT_SECONDS = 15.0
_RETRY_SECONDS = 2.0

log = structlog.get_logger(__name__)


@dataclass
class Operator:
    """One operator process; `run` returns when it is asked to end."""

    settings: OperatorSettings
    api: KubeApi
    vitals: Vitals = field(default_factory=Vitals)
    view: ClusterView = field(default_factory=ClusterView)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Serve health, watch, and while the Lease is held look after every worker."""
        with self._health(), ThreadPoolExecutor(_WRITES_AT_A_TIME, "write") as executor:
            rounds, topics = self._rounds(executor), self._topic_loop()
            threads = [
                threading.Thread(target=self.lease.run, name="lease", daemon=True),
                threading.Thread(target=self._look_after, args=(rounds, topics), name="rounds", daemon=True),
            ]
            for thread in threads:
                thread.start()
            try:
                asyncio.run(self._watch(rounds, topics))
            finally:
                self._stopping.set()
                self.lease.stop()
                for thread in threads:
                    thread.join(30)

    @cached_property
    def lease(self) -> Lease:
        """The Lease of all replicas."""
        return Lease(
            self.api,
            self.settings.operator_namespace,
            self.settings.instance_name,
            self.settings.lease_seconds,
            self.settings.lease_renew_seconds,
            self.settings.lease_retry_seconds,
            on_change=metrics.LEADER.set,
        )

    @cached_property
    def workers(self) -> Workers:
        """The workers this replica looks after, none while it stands by."""
        return Workers(self.api, self.view)

    @contextmanager
    def _health(self) -> Iterator[None]:
        pages = health_pages(self.vitals, self.workers.decisions)
        at = Endpoint(self.settings.health_host, self.settings.health_port, pages)
        at.start()
        log.info("serving health and metrics", host=self.settings.health_host, port=at.port)
        try:
            yield
        finally:
            at.stop()

    def _rounds(self, executor: ThreadPoolExecutor) -> Rounds:
        settings = self.settings
        writer = Writer(self.api, self.lease)
        events = EventRecorder(self.api, settings.instance_name)
        return Rounds(
            view=self.view,
            workers=self.workers,
            writer=writer,
            polling=Polling(self.view, writer, events, executor),
            book=AccessBook(self.api, settings.secret_refresh_seconds, settings.instance_name),
            vitals=self.vitals,
            interval=settings.poll_interval_seconds,
            within=settings.stalled_after,
            namespaces=settings.namespaces,
            new_observer=partial(KafkaObserver, settings.kafka_timeout_seconds, settings.count_markers),
            refuse=Refusals(self.view, writer, events),
        )

    def _topic_loop(self) -> Loop:
        settings = self.settings
        rounds = TopicRounds(
            self.view,
            TopicSets(self.api, self.lease.held),
            AccessBook(self.api, settings.secret_refresh_seconds, settings.instance_name),
            EventRecorder(self.api, settings.instance_name),
            self.lease.held,
            partial(self.vitals.beat, _TOPIC_ROUND, settings.stalled_after),
        )
        interval = settings.poll_interval_seconds
        return Loop(_TOPIC_ROUND, rounds.run, interval, self.vitals, settings.stalled_after)

    def _look_after(self, rounds: Rounds, topics: Loop) -> None:
        """Fill the view, then keep routing workers, until the end."""
        audit = WatchAudit(self.api, self.view, self.vitals, self.settings.namespaces)
        while not self._stopping.is_set():
            try:
                audit.fill()
                break
            except ApiError as error:
                self.vitals.waits_for = f"the first look at the cluster: {error}"
                log.warning("the cluster cannot be read yet", reason=str(error))
                self._stopping.wait(_RETRY_SECONDS)
        self.vitals.waits_for = ""
        within = self.settings.stalled_after
        loops = [
            Loop("the rounds", rounds.run, _ROUND_SECONDS, self.vitals, within),
            topics,
            Loop("the check of the watches", audit.run, _AUDIT_SECONDS, self.vitals, 4 * _AUDIT_SECONDS),
        ]
        for loop in loops:
            loop.start()
        self._stopping.wait()
        for loop in loops:
            loop.stop()
            loop.join(10)
        rounds.end()

    async def _watch(self, rounds: Rounds, topics: Loop) -> None:
        def changed(kind: Kind) -> None:
            if kind is STREAM_WORKERS:
                rounds.wake()
            elif kind in (TOPIC_SETS, KAFKA_TOPICS):
                topics.wake()

        await kopf.operator(
            registry=registry_for(self.view, self.api.configuration, changed),
            settings=kopf_settings(),
            clusterwide=not self.settings.namespaces,
            namespaces=self.settings.namespaces,
            standalone=True,
            # Made up from the user's name otherwise, which a number in a container does not have.
            identity=cast("Any", self.settings.instance_name),
        )
