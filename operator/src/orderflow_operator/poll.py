"""One poll of one Kafka cluster: observe, decide, apply, report, for every worker that reads from it."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

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
from orderflow_operator.report import document, scale_event, transitions
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
        started = [
            self.executor.submit(self._look_after, worker, report, problem, rivals)
            for worker, report in zip(workers, reports, strict=True)
        ]
        for worker, finished in zip(workers, started, strict=True):
            try:
                finished.result()
            except Exception:  # what is wrong with one worker must not keep the others waiting
                metrics.WORKER_FAILURES.labels(*worker.key).inc()
                log.exception("a worker cannot be looked after", worker=worker.key)

    def _look_after(self, worker: Worker, report: GroupReport | None, problem: str, rivals: Rivals) -> None:
        self._finish(self._step(worker, self._sample(worker, report, problem, rivals), report))

    def _look(
        self, workers: Sequence[Worker], access: Access, observer: KafkaObserver
    ) -> tuple[str, list[GroupReport]]:
        wanted = [
            subscription(
                worker.spec.consumer_group, worker.spec.topics, worker.spec.offset_reset, worker.memory
            )
            for worker in workers
        ]
        try:
            return "", observer.look(access, wanted)
        except LagError as error:
            metrics.POLL_FAILURES.labels(access.bootstrap_servers).inc()
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

    def _finish(self, step: Step) -> None:
        """Write what is to be written; what cannot be is tried again at the next poll."""
        worker, decision = step.worker, step.decision
        worker.sample, worker.inputs, worker.decision = step.sample, step.inputs, decision
        measure_decision(worker, step.sample, step.inputs, decision)
        try:
            if decision.write:
                self._scale(step)
            else:
                worker.memory = remember(step.memory, decision, wrote=False)
                self._report(step)
        except NotHolder:
            pass  # another replica has taken over, or will
        except NotFound:
            self.view.remove(STREAM_WORKERS, worker.key)
        except ApiError as error:
            log.warning("a write failed; the next poll tries again", worker=worker.key, reason=str(error))

    def _scale(self, step: Step) -> None:
        """Write the intent first: an operator that dies in between must not forget that it wrote."""
        worker, decision, target = step.worker, step.decision, step.sample.target
        worker.memory = remember(step.memory, decision, wrote=False)
        intended = remember(step.memory, decision, wrote=True)
        self._report(step, intended)
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

    def _report(self, step: Step, memory: Memory | None = None) -> None:
        worker, now = step.worker, self.clock()
        before = worker.written.get("conditions") or ()
        conditions = merged(before, step.decision.findings, worker.generation, rfc3339(step.decision.at))
        status = document(
            status_of(
                worker.generation,
                memory or worker.memory,
                step.sample,
                step.inputs,
                step.decision,
                tuple(conditions),
            )
        )
        if memory is None and not worker.is_due(status, now):
            return
        worker.found = self.writer.status(worker.found, status)
        self.view.put(STREAM_WORKERS, worker.found)
        worker.written, worker.written_at = status, now
        for change in transitions(before, conditions):
            self.events.record(worker.found, *change)
