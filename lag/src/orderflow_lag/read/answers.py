"""The Admin client's futures to values, and its errors to ours."""

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException
from confluent_kafka.admin import ListOffsetsResultInfo

from orderflow_lag.errors import AccessDenied, BrokerUnavailable, LagError, ReadFailed
from orderflow_lag.observation import Unreadable

K = TypeVar("K", bound=Hashable)

# Silence only: a leader or coordinator that is being elected is one partition's or one group's trouble.
_UNAVAILABLE = {
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._TIMED_OUT,
    KafkaError._TIMED_OUT_QUEUE,
    KafkaError._TRANSPORT,
    KafkaError._RESOLVE,
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
    said = f"{kafka.str().rstrip(': ')} ({kafka.name()})"
    if kafka.code() in _UNAVAILABLE:
        return BrokerUnavailable(f"the broker did not answer: {said}")
    if kafka.code() in _DENIED:
        return AccessDenied(f"the broker denied access: {said}")
    return ReadFailed(f"the broker answered with an error: {said}")


def settled(futures: Mapping[K, "Future[Any]"]) -> dict[K, Any | Unreadable]:
    """Wait for all answers; a failure spoils its own key."""
    answers: dict[K, Any | Unreadable] = {}
    for key, future in futures.items():
        failure = _failure(future)
        if failure is None:
            answers[key] = future.result()
        else:
            answers[key] = Unreadable(str(failure), isinstance(failure, BrokerUnavailable))
    return answers


def required(futures: Mapping[K, "Future[Any]"]) -> dict[K, Any | Unreadable]:
    """Wait for all answers; raise LagError when no broker answered any, or denied access to all."""
    answers = settled(futures)
    _refuse_silence(futures)
    return answers


def awaited(
    ask: Callable[[K], "Future[Any]"], keys: Iterable[K], in_flight: int
) -> dict[K, Any | Unreadable]:
    """Ask once for each key, so many at a time, and wait for all answers; raise as `required` does."""
    futures: dict[K, Future[Any]] = {}
    order = deque[K]()
    for key in keys:
        if len(order) >= in_flight:
            _wait(futures[order.popleft()])
        futures[key] = ask(key)
        order.append(key)
    return required(futures)


def _wait(future: "Future[Any]") -> None:
    with suppress(KafkaException):
        future.result()


def _refuse_silence(futures: Mapping[K, "Future[Any]"]) -> None:
    failures = [failure for future in futures.values() if (failure := _failure(future))]
    refused = [failure for failure in failures if not isinstance(failure, ReadFailed)]
    if refused and len(refused) == len(futures):
        raise refused[0]


def _failure(future: "Future[Any]") -> LagError | None:
    """Wait for an answer; return what is wrong with it."""
    try:
        answer = future.result()
    except KafkaException as error:
        return translated(error)
    # Of a leader that did not answer in time confluent-kafka 2.16.1 tells this, and no error.
    if isinstance(answer, ListOffsetsResultInfo) and answer.offset == OFFSET_INVALID:
        return BrokerUnavailable("the broker did not answer: it told no offset in time")
    return None
