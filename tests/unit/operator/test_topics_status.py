"""What a TopicSet says of itself: its condition, its Events, and what its workers wait for."""

from typing import Any

import msgspec
import pytest

from orderflow_operator.topics import State, TopicStatus, blocked, recorded
from orderflow_operator.topics.changes import happened
from orderflow_operator.topics.status import ready_condition


def topic(name: str = "orders", state: State = State.READY, **fields: Any) -> TopicStatus:
    known: dict[str, Any] = {"reason": str(state), "partitions": 3, "desired_partitions": 3, "owned": True}
    return TopicStatus(name=name, state=state, **known | fields)


def test_all_ready_is_said_in_one_word() -> None:
    condition = ready_condition([topic(), topic("payments")])
    assert (condition.type, condition.status, condition.message) == ("Ready", "True", "2 topics ready")


def test_the_first_that_is_late_gives_the_reason() -> None:
    late = topic("payments", State.REFUSED, reason="DecreaseRefused", message="six are there")
    condition = ready_condition([topic(), late])
    assert (condition.status, condition.reason) == ("False", "DecreaseRefused")
    assert condition.message == "1 of 2 topics ready; payments: six are there"


def test_what_cannot_be_known_is_unknown() -> None:
    assert ready_condition([topic(), topic("payments", State.UNKNOWN)]).status == "Unknown"
    mixed = [topic("orders", State.FAILED), topic("payments", State.UNKNOWN)]
    assert ready_condition(mixed).status == "False"


def test_a_long_list_of_late_topics_is_cut() -> None:
    late = [topic(f"t{number}", State.PENDING) for number in range(9)]
    assert ready_condition(late).message.endswith("and 6 more")


def test_a_status_is_read_back_as_it_was_written() -> None:
    written = [
        topic(config_keys=("retention.ms",)),
        topic("payments", State.REFUSED, message="no", owned=False),
    ]
    document = {"status": {"topics": msgspec.to_builtins(written)}}
    assert list(recorded(document).values()) == written
    assert document["status"]["topics"][0]["desiredPartitions"] == 3


@pytest.mark.parametrize("document", [{}, {"status": {}}, {"status": {"topics": [{"name": 1}]}}])
def test_a_status_that_says_nothing_records_nothing(document: dict[str, Any]) -> None:
    assert recorded(document) == {}


def test_a_worker_waits_for_topics_that_are_not_there_and_for_no_others() -> None:
    absent = topic("payments", State.PENDING, partitions=None, message="soon")
    statuses = [topic(), absent, topic("notifications", State.REFUSED)]
    assert blocked(statuses, ["orders", "notifications", "elsewhere"]) is None
    assert blocked(statuses, ["orders", "payments"]) == "topic payments is not there yet: soon"
    assert blocked([topic(state=State.FAILED)], ["orders"]) is None


def test_each_change_is_told_once() -> None:
    refused = topic(state=State.REFUSED, reason="DecreaseRefused", message="six are there")
    (told,) = happened({"orders": topic()}, [refused])
    assert (told.reason, told.message, told.warning) == ("TopicRefused", "topic orders: six are there", True)
    assert happened({"orders": refused}, [refused]) == ()


def test_what_is_only_awaited_is_not_told() -> None:
    assert happened({}, [topic(state=State.PENDING), topic("payments", State.UNKNOWN)]) == ()


def test_a_topic_that_grew_is_told() -> None:
    (told,) = happened({"orders": topic()}, [topic(partitions=6)])
    assert told.message == "topic orders is ready with 6 partitions"
