"""What keeps a process from its work, by the broker's own word: topics that do not exist, rights it lacks.

A client's own error says neither: a refused transaction names no topic, and who may not see a topic is told
that there is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation

from orderflow.streaming.admin import BrokerUnavailable, CurrentAdmin
from orderflow.streaming.errors import error_of
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings

Operations = frozenset[AclOperation]

_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND)
_REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
_NAMES = {AclOperation.READ: "Read", AclOperation.WRITE: "Write"}


@dataclass(frozen=True, slots=True)
class Lacking:
    """Topics that do not exist, and rights that were not given, as "Write on topic orders"."""

    topics: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say in one clause what has to come; nothing: the empty string."""
        clauses = []
        if self.topics:
            clauses.append(f"topics that do not exist: {', '.join(self.topics)}")
        if self.rights:
            clauses.append(f"ACLs that allow this login {', '.join(self.rights)}")
        return "; ".join(clauses)


NOTHING = Lacking()


class Access:
    """What one process wants: of which topics (logical names), in which consumer group. For one thread."""

    def __init__(
        self,
        settings: KafkaSettings,
        login: Login,
        *,
        reads: Iterable[str] = (),
        writes: Iterable[str] = (),
        group: str | None = None,
    ) -> None:
        self._servers = settings.kafka_bootstrap_servers
        self._admin = CurrentAdmin(settings, login)
        self._wanted = {settings.topic_prefix + name: AclOperation.READ for name in reads}
        self._wanted |= {settings.topic_prefix + name: AclOperation.WRITE for name in writes}
        self._group = group

    def lacking(self, *, timeout: float = 2.0, of_group: bool = False) -> Lacking:
        """Ask the broker, for at most `timeout` seconds; raise BrokerUnavailable."""
        topics, rights = list[str](), list[str]()
        for name, found in self._topics(timeout).items():
            if found is None:
                topics.append(name)
            elif self._wanted[name] not in found:
                rights.append(f"{_NAMES[self._wanted[name]]} on topic {name}")
        if of_group and self._group and AclOperation.READ not in self._group_rights(self._group, timeout):
            rights.append(f"Read on group {self._group}")
        return Lacking(tuple(topics), tuple(rights))

    def _topics(self, timeout: float) -> dict[str, Operations | None]:
        """Return what the login may do with each topic; None where there is no such topic."""
        asked = TopicCollection(list(self._wanted))
        answers = self._admin().describe_topics(
            asked, include_authorized_operations=True, request_timeout=timeout
        )
        return {name: _operations(answer, timeout) for name, answer in answers.items()}

    def _group_rights(self, group: str, timeout: float) -> Operations:
        """Return what the login may do in the group; before its first member nobody knows, and it may try."""
        answers = self._admin.unused().describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=timeout
        )
        found = _operations(answers[group], timeout)
        return frozenset(_NAMES) if found is None else found

    def hindrance(self, *, of_group: bool = False) -> str | None:
        """Return in one clause what has to come before there can be work, None if nothing has to.

        The group is asked about where there is reason to: that question takes a client of its own.
        """
        try:
            return str(self.lacking(of_group=of_group)) or None
        except BrokerUnavailable as error:
            return f"Kafka at {self._servers}: {error}"


def _operations(answer: Future[Any], timeout: float) -> Operations | None:
    """Return what the login may do with what was asked about, None where there is no such thing."""
    try:
        # A broker that is too old to tell leaves it to each request to be refused.
        return frozenset(answer.result(timeout + 1).authorized_operations or _NAMES)
    except KafkaException as error:
        reason = error_of(error)
        if reason.code() in _ABSENT:
            return None
        if reason.code() in _REFUSED:
            return frozenset()
        raise BrokerUnavailable(reason.str()) from error
    except TimeoutError as error:
        raise BrokerUnavailable("it did not answer in time") from error
