"""Lag on the screen and as JSON: unknown is never printed as zero."""

from rich.console import Console

from orderflow.cli.lag_view import group_document, lag_document, lag_table
from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    LogRange,
    Member,
    Observation,
    Subscription,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.seconds import LagSeconds
from orderflow_lag.truth import group_lag

P0, P1 = TopicPartition("orders", 0), TopicPartition("orders", 1)


def report(
    logs: dict[TopicPartition, LogRange | Unreadable],
    committed: dict[TopicPartition, int],
    *,
    state: GroupState = GroupState.STABLE,
    observed: GroupObservation | Unreadable | None = None,
) -> GroupReport:
    member = Member("m-1", "payments-0", "127.0.0.1", frozenset({P0}))
    group = observed or GroupObservation("payment-service", state, (member,), committed)
    seen = Observation(100.0, {"payment-service": group}, {"orders": len(logs)}, logs)
    lag = group_lag(seen, Subscription("payment-service", frozenset({"orders"})))
    return GroupReport(100.0, group, lag, {P0: LagSeconds(4.25, incomplete=True)})


def shown(made: GroupReport, *, by_partition: bool = False) -> str:
    console = Console(width=200)
    with console.capture() as captured:
        console.print(lag_table([made], by_partition))
    return captured.get()


def test_a_known_lag_is_a_number_with_its_seconds() -> None:
    text = shown(report({P0: LogRange(0, 10, 10)}, {P0: 7}))
    assert "Stable" in text
    assert text.split()[-2:] == ["3", ">4.2"]


def test_a_partition_that_cannot_be_read_makes_the_topic_at_least() -> None:
    made = report({P0: LogRange(0, 10, 10), P1: Unreadable("no leader")}, {P0: 7})
    assert "at least 3" in shown(made)
    assert "unknown (no leader)" in shown(made)
    assert lag_document(made)["lag"] is None
    assert lag_document(made)["seconds"] is None


def test_a_group_that_cannot_be_read_is_unknown() -> None:
    made = report({}, {}, observed=Unreadable("no coordinator"))
    text = shown(made)
    assert "Unknown" in text
    assert "unknown" in text
    assert "no coordinator" in text
    assert group_document(made)["members"] == []


def test_a_group_that_nobody_made_yet_is_said_to_be_that() -> None:
    made = report({P0: LogRange(0, 10, 10)}, {}, state=GroupState.DEAD)
    assert "no such group yet" in shown(made)


def test_each_partition_tells_its_owner_and_its_reason() -> None:
    made = report({P0: LogRange(5, 10, 10), P1: LogRange(0, 0, 0)}, {P0: 2})
    text = shown(made, by_partition=True)
    assert "payments-0" in text
    assert "records deleted before they were read" in text
    assert lag_document(made)["partitions"][0] == {
        "topic": "orders",
        "partition": 0,
        "committed": 2,
        "start": 5,
        "end": 10,
        "lag": 5,
        "seconds": 4.25,
        "owner": "payments-0",
        "reason": "records deleted before they were read",
    }
