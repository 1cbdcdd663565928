"""A KafkaTopic's status, word for word as Strimzi 1.2.0 writes it, and what it means here."""

from typing import Any

import pytest
from support.kafka_topics import by_hand

from orderflow_lag.observation import Unreadable
from orderflow_operator.topics import BrokerTopic, Seen, State
from orderflow_operator.topics.kafka_topic import state_of

AT = {"lastTransitionTime": "2026-11-22T03:48:58.819608944Z"}


def kafka_topic(status: dict[str, Any] | None, generation: int = 1, partitions: int = 3) -> dict[str, Any]:
    document = by_hand(partitions=partitions, metadata={"generation": generation})
    return {name: value for name, value in document.items() if name != "status"} | (
        {"status": status} if status is not None else {}
    )


def not_ready(reason: str, text: str) -> list[dict[str, str]]:
    return [AT | {"message": text, "reason": reason, "status": "False", "type": "Ready"}]


READY = [AT | {"status": "True", "type": "Ready"}]
THREE = BrokerTopic(3, 1)


@pytest.mark.parametrize(
    ("status", "generation", "state", "reason"),
    [
        pytest.param(None, 1, State.PENDING, "Creating", id="the Topic Operator is down: no status"),
        pytest.param(
            {"conditions": READY, "observedGeneration": 1, "topicName": "orders", "topicId": "hKch"},
            1,
            State.READY,
            "Ready",
            id="created",
        ),
        pytest.param(
            {"conditions": READY, "observedGeneration": 9},
            10,
            State.PENDING,
            "NotObserved",
            id="the Topic Operator is down: Ready is of an earlier generation",
        ),
        pytest.param(
            {
                "conditions": not_ready("NotSupported", "Decreasing partitions not supported"),
                "observedGeneration": 3,
            },
            3,
            State.FAILED,
            "NotSupported",
            id="lowered",
        ),
        pytest.param(
            {
                "conditions": not_ready("KafkaError", "InvalidConfigurationException: no.such"),
                "observedGeneration": 1,
            },
            1,
            State.FAILED,
            "KafkaError",
            id="a bad setting",
        ),
        pytest.param(
            {
                "conditions": not_ready(
                    "ResourceConflict", "Managed by Ref{namespace='kafka', name='orders'}"
                ),
                "observedGeneration": 1,
            },
            1,
            State.CONFLICT,
            "ResourceConflict",
            id="two for one topic",
        ),
        pytest.param(
            {"conditions": [AT | {"status": "True", "type": "Unmanaged"}], "observedGeneration": 4},
            4,
            State.PAUSED,
            "Unmanaged",
            id="unmanaged: no Ready at all",
        ),
        pytest.param(
            {
                "conditions": [AT | {"status": "True", "type": "ReconciliationPaused"}],
                "observedGeneration": 4,
                "topicName": "orders",
            },
            4,
            State.PAUSED,
            "ReconciliationPaused",
            id="paused",
        ),
    ],
)
def test_state_of_a_status(status: dict[str, Any] | None, generation: int, state: State, reason: str) -> None:
    found = state_of(kafka_topic(status, generation), THREE)
    assert (found.state, found.reason) == (state, reason)


@pytest.mark.parametrize(
    ("seen", "state"),
    [
        pytest.param(THREE, State.READY, id="as many"),
        pytest.param(BrokerTopic(5, 1), State.READY, id="more"),
        pytest.param(BrokerTopic(2, 1), State.PENDING, id="fewer so far"),
        pytest.param(None, State.PENDING, id="no topic so far"),
        pytest.param(Unreadable("silent"), State.READY, id="Kafka is silent: the Topic Operator is believed"),
    ],
)
def test_ready_is_compared_with_kafka(seen: Seen, state: State) -> None:
    assert state_of(kafka_topic({"conditions": READY, "observedGeneration": 1}), seen).state is state


def test_a_kafka_topic_on_its_way_out_is_not_ready() -> None:
    leaving = by_hand(metadata={"deletionTimestamp": "2026-11-22T04:00:00Z"})
    assert state_of(leaving, THREE).reason == "BeingDeleted"
