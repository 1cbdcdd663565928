"""What keeps a process from its work, by the broker's own word: topics that do not exist, rights it lacks.

A client's own error says neither: a refused transaction names no topic, and who may not see a topic is told
that there is none. And a topic that is listed may still be in the making: a broker tells of it before it has
made the logs of its partitions, which takes a slow disk many seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AclOperation, OffsetSpec

from orderflow.streaming.admin import BrokerUnavailable, CurrentAdmin, described_group
from orderflow.streaming.errors import error_of
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings

Operations = frozenset[AclOperation]

_LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]

_ABSENT = (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.GROUP_ID_NOT_FOUND)
_REFUSED = (KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED)
_UNSERVED = (
    *_ABSENT,
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.KAFKA_STORAGE_ERROR,
)
_NAMES = {AclOperation.READ: "Read", AclOperation.WRITE: "Write"}


@dataclass(frozen=True, slots=True)
class Lacking:
    """Topics that do not exist, or not as a whole yet, and rights that were not given, as "Write on topic
    orders"."""

    topics: tuple[str, ...] = ()
    rights: tuple[str, ...] = ()
    unserved: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Say in one clause what has to come; nothing: the empty string."""
        clauses = []
        if self.topics:
            clauses.append(f"topics that do not exist: {', '.join(self.topics)}")
        if self.unserved:
            clauses.append(f"Kafka to make all partitions of {', '.join(self.unserved)}")
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
        self._served = False

    def lacking(self, *, timeout: float = 2.0, of_group: bool = False) -> Lacking:
        """Ask the broker, for at most `timeout` seconds; raise BrokerUnavailable."""
        asked = TopicCollection(list(self._wanted))
        topics = self._admin().describe_topics(
            asked, include_authorized_operations=True, request_timeout=timeout
        )
        allowed = {name: _operations(partial(answer.result, timeout + 1)) for name, answer in topics.items()}
        missing = tuple(name for name, found in allowed.items() if found is None)
        rights = [
            f"{_NAMES[self._wanted[name]]} on topic {name}"
            for name, found in allowed.items()
            if found is not None and self._wanted[name] not in found
        ]
        if of_group and self._group and AclOperation.READ not in self._group_rights(self._group, timeout):
            rights.append(f"Read on group {self._group}")
        if missing or rights:
            self._served = False
            return Lacking(missing, tuple(rights))
        sizes = {name: len(answer.result().partitions) for name, answer in topics.items()}
        return Lacking(unserved=self._unserved(sizes, timeout))

    def _unserved(self, sizes: Mapping[str, int], timeout: float) -> tuple[str, ...]:
        """Return the topics of which a partition cannot be read or written yet; asked until there is none."""
        if self._served:
            return ()
        asked = {
            TopicPartition(name, number): _LATEST for name, size in sizes.items() for number in range(size)
        }
        answers = self._admin().list_offsets(asked, request_timeout=timeout)
        unserved = {each.topic for each, answer in answers.items() if not _is_served(answer, timeout)}
        self._served = not unserved
        return tuple(name for name in sizes if name in unserved)

    def _group_rights(self, group: str, timeout: float) -> Operations:
        """Return what the login may do in the group; before its first member nobody knows, and it may try."""
        found = _operations(lambda: described_group(self._admin, group, timeout=timeout))
        return frozenset(_NAMES) if found is None else found

    def hindrance(self, *, of_group: bool = False) -> str | None:
        """Return in one clause what has to come before there can be work, None if nothing has to.

        The group is asked about where there is reason to: that takes a client of its own.
        """
        try:
            return str(self.lacking(of_group=of_group)) or None
        except BrokerUnavailable as error:
            return f"Kafka at {self._servers}: {error}"


def _operations(answer: Callable[[], Any]) -> Operations | None:
    """Return what the login may do with what was asked about, None where there is no such thing."""
    try:
        # A broker that is too old to tell leaves it to each request to be refused.
        return frozenset(answer().authorized_operations or _NAMES)
    except KafkaException as error:
        reason = error_of(error)
        if reason.code() in _ABSENT:
            return None
        if reason.code() in _REFUSED:
            return frozenset()
        raise BrokerUnavailable(reason.str()) from error
    except TimeoutError as error:
        raise BrokerUnavailable("it did not answer in time") from error


def _is_served(answer: Future[Any], timeout: float) -> bool:
    """Return whether a partition's leader knows it."""
    try:
        told = answer.result(timeout + 1).offset
    except KafkaException as error:
        reason = error_of(error)
        if reason.code() in _UNSERVED:
            return False
        raise BrokerUnavailable(reason.str()) from error
    except TimeoutError as error:
        raise BrokerUnavailable("it did not answer in time") from error
    if told == OFFSET_INVALID:  # of a leader that was silent: the client has no error for that
        raise BrokerUnavailable("it did not answer in time")
    return True
