"""What of a decision is written, and which changes become Events."""

from typing import Any

import pytest

from orderflow_operator.report import is_due, scale_event, transitions
from orderflow_operator.scaling import Decision, Target

WRITTEN: dict[str, Any] = {
    "replicas": 3,
    "readyReplicas": 3,
    "desiredReplicas": 3,
    "reason": "Steady",
    "lag": 100,
    "lagSeconds": 1.0,
    "conditions": [{"type": "HotPartition", "status": "False", "reason": "Balanced", "message": "fine"}],
    "memory": {"sampledAt": 1, "activeAt": 1, "baselines": {"orders": [7]}},
}

ASLEEP = WRITTEN["memory"] | {"sampledAt": 2}
AWAKE = WRITTEN["memory"] | {"sampledAt": 2, "activeAt": 2}
WIDER = WRITTEN["memory"] | {"sampledAt": 2, "baselines": {"orders": [7, 0]}}


@pytest.mark.parametrize(
    ("change", "seconds", "due"),
    [
        pytest.param({}, 10.0, False, id="nothing changed"),
        pytest.param({"memory": AWAKE}, 59.0, False, id="memory alone waits"),
        pytest.param({"memory": AWAKE}, 60.0, True, id="memory alone is written after a minute"),
        pytest.param({"memory": WIDER}, 60.0, True, id="and so it is where a partition is new"),
        pytest.param({"memory": ASLEEP}, 299.0, False, id="a memory of time that went by waits longer"),
        pytest.param({"memory": ASLEEP}, 300.0, True, id="but not for ever"),
        pytest.param({"lag": 500}, 5.0, False, id="a lag that moves waits"),
        pytest.param({"lag": 500}, 15.0, True, id="but not for long"),
        pytest.param({"lag": 0}, 0.5, True, id="a lag that is gone is written at once"),
        pytest.param({"lag": None}, 0.5, True, id="a lag that is unknown is written at once"),
        pytest.param({"reason": "Burst"}, 0.5, True, id="another reason is written at once"),
        pytest.param({"desiredReplicas": 5}, 0.5, True, id="another size is written at once"),
        pytest.param({"conditions": []}, 0.5, True, id="other conditions are written at once"),
        pytest.param(
            {"conditions": [WRITTEN["conditions"][0] | {"message": "still fine"}]},
            5.0,
            False,
            id="other words for the same are not",
        ),
    ],
)
def test_a_status_is_written_when_it_says_something_new(
    change: dict[str, Any], seconds: float, due: bool
) -> None:
    assert is_due(WRITTEN | change, WRITTEN, seconds) is due


def condition(kind: str, status: str, reason: str = "Because") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": f"{kind} is {status}"}


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        pytest.param([], [condition("HotPartition", "False")], [], id="all is well from the start"),
        pytest.param([], [condition("MetricsAvailable", "True")], [], id="and so is this"),
        pytest.param(
            [], [condition("Conflict", "True")], ["Warning"], id="something is wrong from the start"
        ),
        pytest.param(
            [condition("MetricsAvailable", "True")],
            [condition("MetricsAvailable", "False")],
            ["Warning"],
            id="the lag can no longer be read",
        ),
        pytest.param(
            [condition("MetricsAvailable", "False")],
            [condition("MetricsAvailable", "True")],
            ["Normal"],
            id="it can be read again",
        ),
        pytest.param(
            [condition("MetricsAvailable", "False")],
            [condition("MetricsAvailable", "False")],
            [],
            id="the same again is no change",
        ),
        pytest.param([], [condition("HotPartition", "Unknown")], [], id="unknown tells nothing"),
        pytest.param(
            [condition("HotPartition", "Unknown")],
            [condition("HotPartition", "False")],
            [],
            id="known again and well is no news",
        ),
        pytest.param(
            [condition("Paused", "True", "Hold")],
            [condition("Paused", "True", "At")],
            ["Warning"],
            id="another reason is one",
        ),
    ],
)
def test_events_tell_of_changes_only(
    before: list[dict[str, Any]], after: list[dict[str, Any]], told: list[str]
) -> None:
    assert [kind for kind, _, _ in transitions(before, after)] == told


def test_the_event_of_a_write_says_from_where_to_where_and_why() -> None:
    decision = Decision(at=0.0, replicas=8, reason="Burst", message="12,000 records wait")
    assert scale_event(decision, Target(replicas=2, ready=2)) == (
        "Normal",
        "ScaledUp",
        "From 2 to 8 replicas: 12,000 records wait",
    )
    assert scale_event(decision, Target(replicas=9, ready=9))[1] == "ScaledDown"
