"""Topics through Kafka's Admin API: what is there, and the few changes a TopicSet may ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Self

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ConfigSource,
    NewPartitions,
    NewTopic,
    ResourceType,
)

from orderflow_lag.errors import BrokerUnavailable
from orderflow_lag.observation import Unreadable
from orderflow_lag.read.answers import NO_TOPIC, settled, translated
from orderflow_operator.spec.topicset import TopicEntry
from orderflow_operator.topics import BrokerTopic, Seen

_BROKERS_DEFAULT = -1  # replicas of a topic whose entry names none


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a change of a topic was not made; without `is_certain` it may have been made all the same."""

    text: str
    is_certain: bool = True
    exists: bool = False


Problems = dict[str, Problem]


class TopicAdmin:
    """Reads and changes topics of one Kafka cluster; `timeout` bounds each round of requests, in seconds.

    Brokers that kept silent for so long are not asked again for as long: one dead cluster must not hold up
    the topics of all others.
    """

    def __init__(
        self, admin: AdminClient, *, timeout: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._admin = admin
        self._timeout = timeout
        self._clock = clock
        self._cluster_id: str | None = None
        self._silence: tuple[float, Unreadable] | None = None  # until when, and what was said of it

    @classmethod
    def connect(cls, config: Mapping[str, Any], *, timeout: float = 10.0) -> Self:
        """Make a client of our own; no broker is asked before the first use."""
        return cls(AdminClient({"log_level": 2} | dict(config)), timeout=timeout)

    def cluster_id(self) -> str | None:
        """Return the id of the Kafka cluster, or None where no broker tells; asked until it is known."""
        if self._cluster_id is None and not self._is_silent():
            began = self._clock()
            answers = settled({"": self._admin.describe_cluster(request_timeout=self._timeout)})
            self._note_silence(answers, began)
            if not isinstance(answers[""], Unreadable):
                self._cluster_id = answers[""].cluster_id
        return self._cluster_id

    def topics(self, names: Iterable[str], *, with_config: bool = False) -> dict[str, Seen]:
        """Return what the brokers say of each topic; what they keep to themselves is Unreadable."""
        wanted = sorted(set(names))
        if not wanted:
            return {}
        began = self._clock()
        # It keeps what it wants to say, such as that no broker answers, until somebody listens.
        self._admin.poll(0)
        if silence := self._is_silent():
            return dict.fromkeys(wanted, silence)
        answers = settled(self._admin.describe_topics(TopicCollection(wanted), request_timeout=self._timeout))
        self._note_silence(answers, began)
        there = [name for name in wanted if not isinstance(answers[name], Unreadable)]
        configs = self._configs(there) if with_config else {}
        return {name: _seen(answers[name], configs.get(name, {})) for name in wanted}

    def create(self, entries: Iterable[TopicEntry], *, try_only: bool = False) -> Problems:
        """Create topics, or with `try_only` ask what would come of it; return the problems by topic."""
        wanted = [
            NewTopic(entry.name, entry.partitions, entry.replicas or _BROKERS_DEFAULT, config=entry.settings)
            for entry in entries
        ]
        if not wanted:
            return {}
        return _problems(self._admin.create_topics(wanted, validate_only=try_only, **self._bounds()))

    def raise_partitions(self, totals: Mapping[str, int]) -> Problems:
        """Raise topics to these partition counts; return the problems by topic."""
        wanted = [NewPartitions(name, total) for name, total in totals.items()]
        return _problems(self._admin.create_partitions(wanted, **self._bounds()) if wanted else {})

    def configure(self, settings: Mapping[str, Mapping[str, str | None]]) -> Problems:
        """Set settings of topics, or put them back to the default (None); return the problems by topic."""
        wanted = [
            ConfigResource(ResourceType.TOPIC, name, incremental_configs=[_entry(*one) for one in it.items()])
            for name, it in settings.items()
        ]
        if not wanted:
            return {}
        futures = self._admin.incremental_alter_configs(wanted, request_timeout=self._timeout)
        return _problems({resource.name: future for resource, future in futures.items()})

    def delete(self, names: Iterable[str]) -> Problems:
        """Delete topics with their records; one that is not there is no problem."""
        wanted = sorted(set(names))
        problems = _problems(self._admin.delete_topics(wanted, **self._bounds()) if wanted else {})
        return {name: problem for name, problem in problems.items() if problem.text != NO_TOPIC.reason}

    def _configs(self, names: list[str]) -> dict[str, Mapping[str, str] | Unreadable]:
        if not names:
            return {}
        resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
        answers = settled(self._admin.describe_configs(resources, request_timeout=self._timeout))
        return {resource.name: _settings(answer) for resource, answer in answers.items()}

    def _is_silent(self) -> Unreadable | None:
        return self._silence[1] if self._silence and self._clock() < self._silence[0] else None

    def _note_silence(self, answers: Mapping[str, Any], began: float) -> None:
        now = self._clock()
        unread = [answer for answer in answers.values() if isinstance(answer, Unreadable)]
        waited = now - began >= 0.9 * self._timeout and len(unread) == len(answers)
        self._silence = (now + self._timeout, unread[0]) if waited else None

    def _bounds(self) -> dict[str, float]:
        return {"operation_timeout": self._timeout, "request_timeout": self._timeout}


def _seen(described: Any, config: Mapping[str, str] | Unreadable) -> Seen:
    if isinstance(described, Unreadable):
        return None if described == NO_TOPIC else described
    if isinstance(config, Unreadable):
        return config
    replicas = min((len(partition.replicas) for partition in described.partitions), default=0)
    return BrokerTopic(len(described.partitions), replicas, config)


def _settings(answer: Any) -> Mapping[str, str] | Unreadable:
    if isinstance(answer, Unreadable):
        return answer
    own = ConfigSource.DYNAMIC_TOPIC_CONFIG.value
    return {name: entry.value for name, entry in answer.items() if entry.source == own}


def _entry(name: str, value: str | None) -> ConfigEntry:
    kind = AlterConfigOpType.DELETE if value is None else AlterConfigOpType.SET
    return ConfigEntry(name, value, incremental_operation=kind)


def _problems(futures: Mapping[str, Future[Any]]) -> Problems:
    found: Problems = {}
    for name, future in futures.items():
        try:
            future.result()
        except KafkaException as error:
            ours = translated(error)
            exists = error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS
            found[name] = Problem(str(ours), not isinstance(ours, BrokerUnavailable), exists)
    return found
