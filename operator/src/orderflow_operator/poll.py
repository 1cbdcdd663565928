"""One poll of one Kafka cluster: observe, decide, apply, report, for every worker that reads from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import structlog

from orderflow_lag.errors import LagError
from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import GroupObservation, TopicPartition
from orderflow_operator import metrics, rates
from orderflow_operator.access import Access
from orderflow_operator.apply import NotHolder, Writer, deletion_cost
from orderflow_operator.conditions import merged
from orderflow_operator.events import EventRecorder
from orderflow_operator.kube import ApiError, NotFound
from orderflow_operator.measure import measure_decision, measure_write
from orderflow_operator.observe_cluster import (
    DEPLOYMENTS,
    STREAM_WORKERS,
    TOPIC_SETS,
    ClusterView,
    Rivals,
    is_rolling_out,
    ready_of,
    replicas_of,
    unready_topics,
)
from orderflow_operator.observe_kafka import KafkaObserver
from orderflow_operator.rates import subscription
from orderflow_operator.report import Document, document, scale_event, transitions
from orderflow_operator.scaling import (
    Decision,
    Inputs,
    Memory,
    Sample,
    Target,
    decide,
    inputs,
    remember,
    samples_of,
)
from orderflow_operator.scaling.words import rfc3339
from orderflow_operator.spec.status import status_of
from orderflow_operator.topics import blocked, recorded
from orderflow_operator.workers import Worker

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """What one poll made of one worker; `memory` has learned from the sample, not yet of the decision."""

    worker: Worker
    sample: Sample
    report: GroupReport | None
    memory: Memory
    inputs: Inputs
    decision: Decision


@dataclass(frozen=True, slots=True)
class Polling:
    """Polls Kafka clusters; each cluster's observer is used by one poll at a time."""

    view: ClusterView
    writer: Writer
    events: EventRecorder
    executor: Executor
    clock: Callable[[], float] = time.time

    def poll(self, workers: Sequence[Worker], access: Access | str, observer: KafkaObserver) -> None:
        """Look after these workers; `access` is why the cluster cannot be reached, where it is a text."""
        if isinstance(access, str):
            problem, found = access, list[GroupReport]()
        else:
            problem, found = self._look(workers, access, observer)
        reports: Sequence[GroupReport | None] = found or [None] * len(workers)
        rivals = Rivals.of(self.view)
        writes = []
        for worker, report in zip(workers, reports, strict=True):
            with _apart(worker):
                # Here, one after the other: threads would but fight for the interpreter. Writing waits.
                step = self._step(worker, self._sample(worker, report, problem, rivals), report)
                if (write := self._write_of(step)) is not None:
                    writes.append((worker, self.executor.submit(self._finish, worker, write)))
        for worker, finished in writes:
            with _apart(worker):
                finished.result()

    def _look(
        self, workers: Sequence[Worker], access: Access, observer: KafkaObserver
    ) -> tuple[str, list[GroupReport]]:
        wanted = [
            subscription(
                worker.spec.consumer_group, worker.spec.topics, worker.spec.offset_reset, worker.memory
            )
            for worker in workers
        ]
        failures = metrics.POLL_FAILURES.labels(access.bootstrap_servers)
        try:
            return "", observer.look(access, wanted)
        except LagError as error:
            failures.inc()
            log.warning("the lag cannot be read", cluster=str(access), reason=str(error))
            return str(error), []

    def _sample(self, worker: Worker, report: GroupReport | None, problem: str, rivals: Rivals) -> Sample:
        problems = [str(one) for one in report.lag.problems] if report else [problem]
        known = report is not None and not problems
        observed = report.observed if report else None
        return Sample(
            at=report.at if report else self.clock(),
            group=report.state.value if report else "Unknown",
            members=len(observed.members) if isinstance(observed, GroupObservation) else 0,
            partitions=samples_of(report.lag, report.observed) if report and known else (),
            target=self._target(worker),
            lag_seconds=report.seconds_of().seconds if report and known and not report.lag.unknown else None,
            problem="; ".join(problems) or None,
            conflict=rivals.conflict(worker.found),
            blocked=self._blocked(worker),
        )

    def _target(self, worker: Worker) -> Target:
        found = self.view.get(DEPLOYMENTS, worker.target)
        if found is None:
            return Target(replicas=0, ready=0, exists=False)
        return Target(replicas=replicas_of(found), ready=ready_of(found), rolling_out=is_rolling_out(found))

    def _blocked(self, worker: Worker) -> str | None:
        topics, reference = worker.spec.topics, worker.spec.kafka.cluster_ref
        for (namespace, _), topic_set in self.view.all(TOPIC_SETS).items():
            if namespace == worker.key[0] and (reason := blocked(recorded(topic_set).values(), topics)):
                return reason
        if reference is None:
            return None
        where = reference.namespace or worker.key[0]
        late = unready_topics(self.view, where, reference.name, topics)
        return "; ".join(late[topic] for topic in sorted(late)) or None

    def _step(self, worker: Worker, sample: Sample, report: GroupReport | None) -> Step:
        memory = rates.learn(worker.spec, worker.memory, sample)
        gathered = inputs(worker.spec, memory, sample)
        return Step(worker, sample, report, memory, gathered, decide(gathered))

    def _write_of(self, step: Step) -> Callable[[], None] | None:
        """Remember a step and return what is to be written of it, None if nothing is."""
        worker, decision = step.worker, step.decision
        worker.sample, worker.inputs, worker.decision = step.sample, step.inputs, decision
        measure_decision(worker, step.sample, step.inputs, decision)
        worker.memory = remember(step.memory, decision, wrote=False)
        if decision.write:
            return partial(self._scale, step)
        status = _status(step, worker.memory)
        return partial(self._report, worker, status) if worker.is_due(status, self.clock()) else None

    def _finish(self, worker: Worker, write: Callable[[], None]) -> None:
        """Write; what cannot be written is tried again at the next poll."""
        try:
            write()
        except NotHolder:
            pass  # another replica has taken over, or will
        except NotFound:
            self.view.remove(STREAM_WORKERS, worker.key)
        except ApiError as error:
            log.warning("a write failed; the next poll tries again", worker=worker.key, reason=str(error))

    def _scale(self, step: Step) -> None:
        """Write the intent first: an operator that dies in between must not forget that it wrote."""
        worker, decision, target = step.worker, step.decision, step.sample.target
        intended = remember(step.memory, decision, wrote=True)
        self._report(worker, _status(step, intended))
        try:
            if decision.replicas < target.replicas:
                self._mark_costs(step)
            self.writer.scale(worker.target, target.replicas, decision.replicas)
        except (ApiError, NotHolder):
            worker.written_at = 0.0  # so that the next poll takes the intent back
            raise
        worker.memory = intended
        measure_write(worker, target, decision, self.clock())
        log.info(
            "scaled",
            worker=worker.key,
            before=target.replicas,
            after=decision.replicas,
            reason=decision.reason,
            because=decision.message,
        )
        self.events.record(worker.found, *scale_event(decision, target))

    def _mark_costs(self, step: Step) -> None:
        deployment = self.view.get(DEPLOYMENTS, step.worker.target)
        observed = step.report.observed if step.report else None
        if deployment is None or not isinstance(observed, GroupObservation):
            return
        held, behind = Counter[str](), Counter[str]()
        lags = {TopicPartition(one.topic, one.partition): one.lag or 0 for one in step.sample.partitions}
        for member in observed.members:
            held[member.client_id] += len(member.assignment)
            behind[member.client_id] += sum(lags.get(at, 0) for at in member.assignment)
        costs = {pod: deletion_cost(held[pod], behind[pod]) for pod in held}
        self.writer.deletion_costs(deployment, costs)

    def _report(self, worker: Worker, status: Document) -> None:
        before = worker.written.get("conditions") or ()
        worker.found = self.writer.status(worker.found, status)
        self.view.put(STREAM_WORKERS, worker.found)
        worker.written, worker.written_at = status, self.clock()
        for change in transitions(before, status["conditions"]):
            self.events.record(worker.found, *change)


def _status(step: Step, memory: Memory) -> Document:
    """Return the status after a step."""
    worker, decision = step.worker, step.decision
    before = worker.written.get("conditions") or ()
    conditions = merged(before, decision.findings, worker.generation, rfc3339(decision.at))
    return document(
        status_of(worker.generation, memory, step.sample, step.inputs, decision, tuple(conditions))
    )


@contextmanager
def _apart(worker: Worker) -> Iterator[None]:
    """Keep what is wrong with one worker from those that come after it."""
    try:
        yield
    except Exception:
        metrics.WORKER_FAILURES.labels(*worker.key).inc()
        log.exception("a worker cannot be looked after", worker=worker.key)
