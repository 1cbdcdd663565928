"""Findings to conditions: the transition time is that of the status alone."""

from orderflow_operator.conditions import merged
from orderflow_operator.scaling import Finding

FIRST, LATER = "2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z"


def found(status: str, message: str = "a", kind: str = "Paused") -> Finding:
    return Finding(type=kind, status=status, reason="Hold", message=message)


def test_a_new_condition_begins_now() -> None:
    assert merged([], [found("True")], 3, FIRST) == [
        {
            "type": "Paused",
            "status": "True",
            "reason": "Hold",
            "message": "a",
            "observedGeneration": 3,
            "lastTransitionTime": FIRST,
        }
    ]


def test_another_message_is_no_transition() -> None:
    (one,) = merged(merged([], [found("True")], 3, FIRST), [found("True", "b")], 4, LATER)
    assert (one["lastTransitionTime"], one["message"], one["observedGeneration"]) == (FIRST, "b", 4)


def test_another_status_is_a_transition() -> None:
    (one,) = merged(merged([], [found("True")], 3, FIRST), [found("False")], 3, LATER)
    assert one["lastTransitionTime"] == LATER


def test_conditions_of_others_stay() -> None:
    theirs = {"type": "Theirs", "status": "True"}
    kinds = [one["type"] for one in merged([theirs], [found("True")], 1, FIRST)]
    assert kinds == ["Paused", "Theirs"]
