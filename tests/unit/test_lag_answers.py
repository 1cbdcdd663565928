"""Answers of the Admin client: what is one, and what only looks like one."""

from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import OFFSET_INVALID, KafkaError, KafkaException
from confluent_kafka.admin import ListOffsetsResultInfo

from orderflow_lag.errors import BrokerUnavailable
from orderflow_lag.observation import Unreadable
from orderflow_lag.read.answers import NO_TOPIC, required


def told(offset: int) -> Future[Any]:
    answer = Future[Any]()
    answer.set_result(ListOffsetsResultInfo(offset, -1, -1))
    return answer


def failed(code: int) -> Future[Any]:
    answer = Future[Any]()
    answer.set_exception(KafkaException(KafkaError(code)))
    return answer


def test_an_offset_that_was_not_told_is_silence_of_its_own_partition() -> None:
    answers = required({0: told(7), 1: told(OFFSET_INVALID), 2: told(0)})
    assert [getattr(answers[at], "offset", None) for at in (0, 2)] == [7, 0]
    assert answers[1] == Unreadable("the broker did not answer: it told no offset in time", silent=True)


@pytest.mark.parametrize("silence", [told(OFFSET_INVALID), failed(KafkaError._TIMED_OUT)])
def test_where_no_partition_was_answered_for_there_is_no_broker(silence: Future[Any]) -> None:
    with pytest.raises(BrokerUnavailable):
        required({0: silence, 1: told(OFFSET_INVALID)})


def test_a_topic_that_is_not_there_is_an_answer() -> None:
    answers = required({0: failed(KafkaError.UNKNOWN_TOPIC_OR_PART), 1: told(OFFSET_INVALID)})
    assert answers[0] == NO_TOPIC
