"""One pass of the Admin backend: topics as they are, the plan, Kafka's Admin API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from orderflow_lag.observation import Unreadable
from orderflow_operator.spec.topicset import TopicSetSpec
from orderflow_operator.topics.admin import Change, announced, changes, removals, status_after
from orderflow_operator.topics.broker import Seen, partitions_of
from orderflow_operator.topics.holders import in_kafka
from orderflow_operator.topics.status import Reason, Standing, State, TopicStatus
from orderflow_operator.topicsets.brokers import Problem, TopicAdmin
from orderflow_operator.topicsets.writing import Pen

Announce = Callable[[Sequence[TopicStatus]], None]


@dataclass(frozen=True, slots=True)
class AdminBackend:
    """Brings topics in Kafka to what TopicSets declare; `pen` is asked before every change."""

    pen: Pen

    def reconcile(
        self,
        spec: TopicSetSpec,
        kafka: TopicAdmin | Unreadable,
        recorded: Mapping[str, TopicStatus],
        announce: Announce,
    ) -> tuple[TopicStatus, ...]:
        """Make one pass and return the topics' states; `announce` writes a status before topics are made."""
        leaving = removals(spec, recorded)
        names = [*(entry.name for entry in spec.topics), *leaving]
        if isinstance(kafka, Unreadable):
            unread: dict[str, Seen] = dict.fromkeys(names, kafka)
            plan = changes(spec, unread, recorded)
            return (*_settled(plan), *(recorded[name] for name in leaving))
        plan = changes(spec, kafka.topics(names, with_config=True), recorded)
        # What Kafka would not create is not announced: the status would change to and fro at every pass.
        problems = kafka.create([one.entry for one in plan if one.create], try_only=True)
        feasible = [one for one in plan if one.entry.name not in problems]
        if any(one.create for one in feasible):
            self.pen.take()
            announce([_announced(one, problems) for one in plan])
        problems |= self._made(feasible, kafka)
        if leaving:
            self.pen.take()
            problems |= kafka.delete(leaving)
        touched = [one.entry.name for one in plan if not one.is_settled]
        now = kafka.topics([*touched, *leaving], with_config=True)
        return (*_after(plan, now, problems), *_left(recorded, leaving, now, problems))

    def _made(self, plan: Sequence[Change], kafka: TopicAdmin) -> dict[str, Problem]:
        """Make all changes, of each kind in one request; return the problems by topic."""
        problems: dict[str, Problem] = {}
        if new := [one.entry for one in plan if one.create]:
            self.pen.take()
            problems |= kafka.create(new)
        if raised := {one.entry.name: one.raise_to for one in plan if one.raise_to}:
            self.pen.take()
            problems |= kafka.raise_partitions(raised)
        if settings := {one.entry.name: one.config for one in plan if one.config}:
            self.pen.take()
            problems |= kafka.configure(settings)
        return problems


def _announced(one: Change, problems: Mapping[str, Problem]) -> TopicStatus:
    if one.create and one.entry.name not in problems:
        return announced(one)
    return _after([one], {}, problems)[0]


def _settled(plan: Sequence[Change]) -> list[TopicStatus]:
    return [status_after(one, one.seen, None) for one in plan]


def _after(
    plan: Sequence[Change], now: Mapping[str, Seen], problems: Mapping[str, Problem]
) -> list[TopicStatus]:
    found: list[TopicStatus] = []
    for one in plan:
        seen, problem = now.get(one.entry.name, one.seen), problems.get(one.entry.name)
        found.append(_created_by_others(one, seen, problem) or status_after(one, seen, _failed(problem)))
    return found


def _created_by_others(one: Change, seen: Seen, problem: Problem | None) -> TopicStatus | None:
    """Return the status of a topic that we announced and did not make; a lost answer leaves it ours."""
    if not one.create or problem is None or not problem.is_certain:
        return None
    theirs = replace(one, owned=False)
    standing = in_kafka(one.entry, seen, owned=False) if problem.exists else _failed(problem)
    return status_after(theirs, seen, standing or _failed(problem))


def _failed(problem: Problem | None) -> Standing | None:
    return Standing(State.FAILED, Reason.KAFKA_ERROR, problem.text) if problem else None


def _left(
    recorded: Mapping[str, TopicStatus],
    leaving: Sequence[str],
    now: Mapping[str, Seen],
    problems: Mapping[str, Problem],
) -> list[TopicStatus]:
    """Return the topics that are being deleted, until Kafka no longer has them."""
    return [
        TopicStatus(
            name=name,
            state=State.RELEASING,
            reason=Reason.DELETE,
            message=f"no longer declared; the topic is being deleted{_why_not(problems.get(name))}",
            partitions=partitions_of(now[name]) or recorded[name].partitions,
            owned=True,
        )
        for name in leaving
        if now[name] is not None
    ]


def _why_not(problem: Problem | None) -> str:
    return f": {problem.text}" if problem else ""
