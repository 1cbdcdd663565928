"""What of a decision is worth writing down, and when; what changed enough to be an Event. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import msgspec

from orderflow_operator.scaling import Decision, Target
from orderflow_operator.spec.status import StreamWorkerStatus

Document = dict[str, Any]
Change = tuple[Literal["Normal", "Warning"], str, str]

_DRIFT_SECONDS = 15.0  # numbers that drift are written no more often
_MEMORY_SECONDS = 60.0  # and memory alone, where nothing else changes, no more often than this
_QUIET_SECONDS = 300.0  # or this, where it has learned of nothing but time that went by

# What says "all is well"; any other condition that is True is a warning.
_GOOD = {"MetricsAvailable", "ScalingActive", "Ready"}
_DRIFTING = ("lag", "lagSeconds", "arrivalPerSecond", "ratePerReplica", "topics")


def document(status: StreamWorkerStatus) -> Document:
    """Return a status as the API server takes it: what is unknown is absent, never null."""
    found: Document = _without_nulls(msgspec.to_builtins(status))
    return found


def is_due(status: Document, written: Document, since: float) -> bool:
    """Tell whether a status is to be written `since` seconds after the one that was written."""
    if _outline(status) != _outline(written):
        return True
    if since >= (_QUIET_SECONDS if _learned(status) == _learned(written) else _MEMORY_SECONDS):
        return True
    return since >= _DRIFT_SECONDS and any(status.get(name) != written.get(name) for name in _DRIFTING)


def transitions(before: Iterable[Mapping[str, Any]], after: Iterable[Mapping[str, Any]]) -> list[Change]:
    """Return an Event for each condition that went wrong, is wrong for another reason, or is well again.

    What is unknown tells nothing, and neither does a condition that appears and is well.
    """
    known = {one["type"]: one for one in before if one["status"] != "Unknown"}
    return [
        _told(one) for one in after if one["status"] != "Unknown" and _is_news(known.get(one["type"]), one)
    ]


def scale_event(decision: Decision, target: Target) -> Change:
    """Return the Event of a scale write."""
    reason = "ScaledUp" if decision.replicas > target.replicas else "ScaledDown"
    said = f"From {target.replicas} to {decision.replicas} replicas: {decision.message}"
    return "Normal", reason, said


def _is_news(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    if _is_well(after):
        return before is not None and not _is_well(before)
    return before is None or (before["status"], before.get("reason")) != (
        after["status"],
        after.get("reason"),
    )


def _told(condition: Mapping[str, Any]) -> Change:
    reason = str(condition.get("reason") or condition["type"])
    said = str(condition.get("message") or reason)
    return "Normal" if _is_well(condition) else "Warning", reason, said


def _is_well(condition: Mapping[str, Any]) -> bool:
    wanted = "True" if condition["type"] in _GOOD else "False"
    return str(condition["status"]) == wanted


def _outline(status: Document) -> tuple[Any, ...]:
    """Return the part of a status whose every change is written at once."""
    conditions = [(one["type"], one["status"], one.get("reason")) for one in status.get("conditions") or ()]
    plain = ("observedGeneration", "replicas", "readyReplicas", "desiredReplicas", "reason", "lastScale")
    lag = status.get("lag")
    return (*(status.get(name) for name in plain), conditions, None if lag is None else lag > 0)


def _learned(status: Document) -> tuple[Any, ...]:
    """Return what differs in a memory once there was lag, an arrival or a partition that is new."""
    memory = status.get("memory") or {}
    return memory.get("activeAt"), memory.get("baselines")


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_nulls(part) for name, part in value.items() if part is not None}
    return value
