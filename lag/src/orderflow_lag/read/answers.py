"""The Admin client's futures to values, and its errors to ours."""

from collections.abc import Hashable, Mapping
from concurrent.futures import Future
from typing import Any, TypeVar

from confluent_kafka import KafkaError, KafkaException

from orderflow_lag.errors import AccessDenied, BrokerUnavailable, LagError, ReadFailed
from orderflow_lag.observation import Unreadable

K = TypeVar("K", bound=Hashable)

_UNAVAILABLE = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
    KafkaError._WAIT_COORD,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.NOT_COORDINATOR,
    KafkaError.REQUEST_TIMED_OUT,
}
_DENIED = {
    KafkaError._AUTHENTICATION,
    KafkaError._SSL,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
}
_MISSING = {KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC}

NO_TOPIC = Unreadable("there is no such topic")


def translated(error: KafkaException) -> LagError:
    """Return a client's error as one of ours."""
    kafka: KafkaError = error.args[0]
    if kafka.code() in _MISSING:
        return ReadFailed(NO_TOPIC.reason)
    if kafka.code() in _UNAVAILABLE:
        return BrokerUnavailable(f"the broker did not answer: {kafka.str()}")
    if kafka.code() in _DENIED:
        return AccessDenied(f"the broker denied access: {kafka.str()}")
    return ReadFailed(f"the broker answered {kafka.name()}: {kafka.str()}")


def settled(futures: Mapping[K, "Future[Any]"]) -> dict[K, Any | Unreadable]:
    """Wait for all answers; one failure spoils its own key, the same everywhere is raised as LagError."""
    answers: dict[K, Any | Unreadable] = {}
    errors: list[LagError] = []
    for key, future in futures.items():
        try:
            answers[key] = future.result()
        except KafkaException as error:
            errors.append(translated(error))
            answers[key] = Unreadable(str(errors[-1]))
    if errors and len(errors) == len(futures) and not isinstance(errors[0], ReadFailed):
        raise errors[0]
    return answers
