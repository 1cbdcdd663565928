"""Findings to Kubernetes conditions: a transition time changes only with the status. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from orderflow_operator.scaling.types import Finding


def merged(
    old: Iterable[Mapping[str, Any]], findings: Iterable[Finding], generation: int, now: str
) -> list[dict[str, Any]]:
    """Return the conditions after these findings; `now` is RFC 3339.

    Conditions of other types stay as they are, behind ours, so that nobody's are lost.
    """
    before = {str(one.get("type")): one for one in old}
    fresh = [_condition(finding, before.pop(finding.type, {}), generation, now) for finding in findings]
    return fresh + [dict(one) for one in before.values()]


def _condition(finding: Finding, before: Mapping[str, Any], generation: int, now: str) -> dict[str, Any]:
    same = before.get("status") == finding.status
    return {
        "type": finding.type,
        "status": finding.status,
        "reason": finding.reason,
        "message": finding.message,
        "observedGeneration": generation,
        "lastTransitionTime": before.get("lastTransitionTime", now) if same else now,
    }
