"""Lag on the screen and as JSON: unknown is never printed as zero."""

from dataclasses import asdict

from rich.console import Console
from support.lag_reports import P0, P1, report

from orderflow.cli.lag_view import lag_table
from orderflow_lag.document import group_document, lag_document
from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import GroupState, LogRange, Unreadable


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
    assert lag_document(made).lag is None
    assert lag_document(made).seconds is None
    assert lag_document(made).incomplete


def test_a_group_that_cannot_be_read_is_unknown() -> None:
    made = report({}, {}, observed=Unreadable("no coordinator"))
    text = shown(made)
    assert "Unknown" in text
    assert "unknown" in text
    assert "no coordinator" in text
    assert group_document(made).members == []


def test_a_group_that_nobody_made_yet_is_said_to_be_that() -> None:
    made = report({P0: LogRange(0, 10, 10)}, {}, state=GroupState.DEAD)
    assert "no such group yet" in shown(made)


def test_each_partition_tells_its_owner_and_its_reason() -> None:
    made = report({P0: LogRange(5, 10, 10), P1: LogRange(0, 0, 0)}, {P0: 2})
    text = shown(made, by_partition=True)
    assert "payments-0" in text
    assert "records deleted before they were read" in text
    assert asdict(lag_document(made).partitions[0]) == {
        "topic": "orders",
        "partition": 0,
        "committed": 2,
        "start": 5,
        "end": 10,
        "lag": 5,
        "seconds": 4.25,
        "incomplete": True,
        "owner": "payments-0",
        "reason": "records deleted before they were read",
    }
