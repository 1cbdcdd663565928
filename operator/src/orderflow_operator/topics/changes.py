"""What happened to topics between two statuses, for people who read Events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from orderflow_operator.topics.status import State, TopicStatus

_WORTH_TELLING = {
    State.READY: "TopicReady",
    State.REFUSED: "TopicRefused",
    State.CONFLICT: "TopicConflict",
    State.FAILED: "TopicFailed",
    State.PAUSED: "TopicPaused",
    State.RELEASING: "TopicReleasing",
}
_BAD = {State.REFUSED, State.CONFLICT, State.FAILED}


@dataclass(frozen=True, slots=True)
class Happened:
    """One change worth an Event: its reason in one word, a sentence, and whether it is a warning."""

    reason: str
    message: str
    warning: bool = False


def happened(before: Mapping[str, TopicStatus], after: Iterable[TopicStatus]) -> tuple[Happened, ...]:
    """Return what became different; that something is awaited is told by the status alone."""
    return tuple(
        Happened(_WORTH_TELLING[topic.state], _sentence(topic), topic.state in _BAD)
        for topic in after
        if topic.state in _WORTH_TELLING and _differs(before.get(topic.name), topic)
    )


def _differs(before: TopicStatus | None, after: TopicStatus) -> bool:
    if before is None:
        return True
    return (before.state, before.reason, before.partitions) != (after.state, after.reason, after.partitions)


def _sentence(topic: TopicStatus) -> str:
    if topic.message:
        return f"topic {topic.name}: {topic.message}"
    return f"topic {topic.name} is ready with {topic.partitions} partitions"
