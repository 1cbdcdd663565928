"""One read of the brokers: groups, then topics, then logs, then small tails.

Committed offsets are read before the ends of the logs, so that no group seems to be past its log.
One Admin client serves any number of groups: requests are sent together and awaited together.
"""

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from typing import Any, Self

from confluent_kafka import (
    ConsumerGroupTopicPartitions,
    IsolationLevel,
    KafkaException,
    TopicCollection,
)
from confluent_kafka import TopicPartition as Wire
from confluent_kafka.admin import AdminClient, ConfigResource, OffsetSpec

from orderflow_lag.observation import (
    GroupObservation,
    LogRange,
    Observation,
    Subscription,
    Tail,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.read.answers import NO_TOPIC, awaited, required, translated
from orderflow_lag.read.described import group_observation, log_range
from orderflow_lag.read.tails import TailReader
from orderflow_lag.truth import group_lag, small_tails

# The client ships these without types.
_EARLIEST: Any = OffsetSpec.earliest()  # type: ignore[no-untyped-call]
_LATEST: Any = OffsetSpec.latest()  # type: ignore[no-untyped-call]

# Whether a broker answered is said once, by our errors; the client repeats it on standard error.
_QUIET: dict[str, Any] = {"log_level": 2}

_IN_FLIGHT = 200  # requests for committed offsets at a time


class LagReader:
    """Reads what lag is computed from; one per cluster, used from one thread at a time.

    `config` is that of a Kafka client. Tails of up to `tail_limit` offsets are read themselves, which
    needs the Read right on the topic: 0 leaves that out, and transaction markers count as records.
    With `still_only` just those are read that are the same as at the last read: what moves holds records.
    `timeout` bounds each of the read's four rounds, in seconds.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        *,
        timeout: float = 10.0,
        tail_limit: int = 100,
        still_only: bool = False,
    ) -> None:
        quiet = _QUIET | dict(config)
        self._config = quiet
        self._admin = AdminClient(quiet)
        self._is_worn = False
        self._timeout = timeout
        self._tail_limit = tail_limit
        self._still_only = still_only
        self._last_tails: frozenset[Tail] = frozenset()
        self._tails = TailReader(quiet, timeout=min(timeout, 5.0))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the tail reader's connection; the Admin client has nothing to close."""
        self._tails.close()

    def groups(self) -> tuple[str, ...]:
        """Return the ids of all consumer groups of the cluster, sorted; raise LagError."""
        try:
            found = self._admin.list_consumer_groups(request_timeout=self._timeout).result()
        except KafkaException as error:
            raise translated(error) from error
        return tuple(sorted(listing.group_id for listing in found.valid or ()))

    def broker_settings(self) -> dict[str, str]:
        """Return the configuration of one broker by name; raise LagError."""
        try:
            brokers = self._admin.list_topics(timeout=self._timeout).brokers
            asked = ConfigResource(ConfigResource.Type.BROKER, str(min(brokers)))
            found = self._admin.describe_configs([asked], request_timeout=self._timeout)[asked].result()
        except KafkaException as error:
            raise translated(error) from error
        return {name: entry.value for name, entry in found.items() if entry.value is not None}

    def read(self, subscriptions: Iterable[Subscription], topics: Iterable[str] = ()) -> Observation:
        """Return what the brokers say about these groups and their topics, and about further topics.

        What one group, topic or partition keeps to itself is Unreadable in the answer; raise LagError
        when the brokers as a whole did not answer.
        """
        self._renew()
        wanted = tuple(subscriptions)
        groups = self._groups({one.group for one in wanted})
        partitions = self._partitions(wanted, groups, topics)
        logs = self._logs(partitions)
        seen = Observation(time.time(), groups, partitions, logs)
        if not self._tail_limit:
            return seen
        tails = small_tails((group_lag(seen, one) for one in wanted), self._tail_limit)
        still, self._last_tails = tails & self._last_tails, tails
        return replace(seen, counted=self._tails.count(still if self._still_only else tails))

    def written_at(self, tails: Iterable[Tail]) -> dict[Tail, float]:
        """Return when the first record of each tail was written, in seconds since the epoch.

        That is the producer's clock, one fetch a partition; a tail without an answer in time is left out.
        """
        return self._tails.written_at(frozenset(tails))

    def _renew(self) -> None:
        # A client that has waited for a coordinator in vain ends the process by an assertion when it is
        # asked again (confluent-kafka 2.16.1, librdkafka issue 4605); a new one does not.
        if self._is_worn:
            self._admin = AdminClient(self._config)
            self._is_worn = False
        # It keeps what it wants to say, such as that no broker answers, until somebody listens.
        self._admin.poll(0)

    def _groups(self, groups: set[str]) -> dict[str, GroupObservation | Unreadable]:
        if not groups:
            return {}
        self._is_worn = True  # until every group has answered
        # First, and awaited: asked for the offsets of a group whose coordinator cannot be had (as on a
        # broker that has served no group yet), confluent-kafka 2.16.1 ends the process by SIGSEGV.
        descriptions = required(
            self._admin.describe_consumer_groups(sorted(groups), request_timeout=self._timeout)
        )
        described = {group: it for group, it in descriptions.items() if not isinstance(it, Unreadable)}
        # This client takes one group a call, so the calls overlap instead, but not all at once.
        committed = awaited(self._committed, described, _IN_FLIGHT)
        answers = (*descriptions.values(), *committed.values())
        self._is_worn = any(isinstance(answer, Unreadable) and answer.silent for answer in answers)
        return descriptions | {
            group: group_observation(group, committed[group], it) for group, it in described.items()
        }

    def _committed(self, group: str) -> "Future[Any]":
        asked = [ConsumerGroupTopicPartitions(group)]
        return self._admin.list_consumer_group_offsets(asked, request_timeout=self._timeout)[group]

    def _partitions(
        self,
        wanted: tuple[Subscription, ...],
        groups: Mapping[str, GroupObservation | Unreadable],
        topics: Iterable[str],
    ) -> dict[str, int | Unreadable]:
        asked = {topic for one in wanted for topic in one.topics} | set(topics)
        found = {
            topic
            for one in wanted
            if not one.topics and isinstance(group := groups[one.group], GroupObservation)
            for topic in group.topics
        }
        if not asked | found:
            return {}
        answers = required(
            self._admin.describe_topics(TopicCollection(sorted(asked | found)), request_timeout=self._timeout)
        )
        return {
            topic: answer if isinstance(answer, Unreadable) else len(answer.partitions)
            for topic, answer in answers.items()
            if topic in asked or answer != NO_TOPIC
        }

    def _logs(
        self, partitions: Mapping[str, int | Unreadable]
    ) -> dict[TopicPartition, LogRange | Unreadable]:
        wires = [
            Wire(topic, number)
            for topic, count in partitions.items()
            if isinstance(count, int)
            for number in range(count)
        ]
        if not wires:
            return {}
        stable, any_record = IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED
        rounds = [
            self._admin.list_offsets(
                dict.fromkeys(wires, spec), isolation_level=level, request_timeout=self._timeout
            )
            for spec, level in (
                (_EARLIEST, any_record),
                (_LATEST, stable),
                (_LATEST, any_record),
            )
        ]
        starts, ends, marks = (required(futures) for futures in rounds)
        return {
            TopicPartition(wire.topic, wire.partition): log_range(starts[wire], ends[wire], marks[wire])
            for wire in wires
        }
