"""Topics as they are on the broker: which exist, which are missing, making them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConsumerGroupDescription
from confluent_kafka.cimpl import NewTopic

from orderflow.events.topics import TopicSpec, further_topic, topic_specs
from orderflow.streaming.clients import new_admin
from orderflow.streaming.login import Login
from orderflow.streaming.settings import KafkaSettings

_FOR_EVER_SECONDS = 3600.0  # the longest that the client takes


class BrokerUnavailable(Exception):
    """Kafka did not answer in time; nothing is known about its topics."""


class TopicRefused(Exception):
    """The broker answered that it will not create a topic."""


class CurrentAdmin:
    """An Admin client that follows a login; for one thread. Call it for the client of this moment."""

    def __init__(self, settings: KafkaSettings, login: Login) -> None:
        self._settings = settings
        self._login = login
        self._version = login.version
        self._client: AdminClient | None = None

    def __call__(self) -> AdminClient:
        if self._version != self._login.version:
            self.drop()
        if self._client is None:
            self._version = self._login.version
            self._client = new_admin(self._settings)
            self._login.follow(self._client)
        # It keeps what it wants to say, such as that no broker answers, until somebody listens.
        self._client.poll(0)
        return self._client

    def drop(self) -> None:
        """Let go of the client; the next call makes another."""
        client, self._client = self._client, None
        if client is not None:
            self._login.forget(client)


def described_group(admin: CurrentAdmin, group: str, *, timeout: float) -> ConsumerGroupDescription:
    """Return what a group's coordinator says of it; raise KafkaException, or TimeoutError after `timeout` s.

    The client is told to wait for ever, and let go of: one that gave up before it had reached the coordinator
    ends the process once it does (librdkafka 2.16.1, issue 4605).
    """
    try:
        asked = admin().describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=_FOR_EVER_SECONDS
        )
        answer: ConsumerGroupDescription = asked[group].result(timeout)
        return answer
    finally:
        admin.drop()


def pipeline_topics(settings: KafkaSettings) -> tuple[TopicSpec, ...]:
    """Return the topics these settings ask for, prefix included."""
    return topic_specs(
        partitions=settings.partitions,
        replication_factor=settings.replication_factor,
        prefix=settings.topic_prefix,
    )


def further_topics(settings: KafkaSettings, names: Iterable[str]) -> tuple[TopicSpec, ...]:
    """Return topics beside the pipeline as these settings ask for them, prefix included."""
    return tuple(
        further_topic(
            name,
            partitions=settings.partitions,
            replication_factor=settings.replication_factor,
            prefix=settings.topic_prefix,
        )
        for name in names
    )


def existing_topics(admin: AdminClient | Consumer, *, timeout: float = 10.0) -> dict[str, int]:
    """Return every topic's partition count; raise BrokerUnavailable after `timeout` seconds."""
    try:
        listed = admin.list_topics(timeout=timeout).topics.values()
    except KafkaException as error:
        raise BrokerUnavailable(str(error.args[0].str())) from error
    return {str(topic.topic): len(topic.partitions) for topic in listed if topic.error is None}


def missing_topics(admin: AdminClient, names: Iterable[str], *, timeout: float = 10.0) -> list[str]:
    """Return those of `names` that the broker does not have, in the given order."""
    existing = existing_topics(admin, timeout=timeout)
    return [name for name in names if name not in existing]


def is_member(admin: CurrentAdmin, group: str, member_id: str, *, timeout: float = 2.0) -> bool:
    """Return whether the group's coordinator counts a consumer among its members; False if it is silent."""
    try:
        described = described_group(admin, group, timeout=timeout)
    except (KafkaException, TimeoutError):
        return False
    return any(member.member_id == member_id for member in described.members)


def create_topics(
    settings: KafkaSettings, specs: Sequence[TopicSpec] | None = None, *, timeout: float = 30.0
) -> list[str]:
    """Create what is missing of `specs` (default: the pipeline's) and return the names of those made now.

    Existing topics stay as they are. Raise BrokerUnavailable or TopicRefused.
    """
    admin = new_admin(settings)
    wanted = {spec.name: spec for spec in specs or pipeline_topics(settings)}
    missing = missing_topics(admin, wanted, timeout=timeout)
    specs = [wanted[name] for name in missing]
    requests = [
        NewTopic(spec.name, spec.partitions, spec.replication_factor, config=spec.config) for spec in specs
    ]
    created: list[str] = []
    if not requests:
        return created
    for name, future in admin.create_topics(requests, operation_timeout=timeout).items():
        try:
            future.result(timeout)
        except KafkaException as error:
            if error.args[0].code() == KafkaError.TOPIC_ALREADY_EXISTS:
                continue
            raise TopicRefused(f"{name}: {error.args[0].str()}") from error
        created.append(name)
    return created
