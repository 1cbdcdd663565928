"""The operator's decisions on one machine: looks at the lag, asks `scaling`, says how many processes.

The same pure modules decide here and in a cluster; only what is observed and what is scaled differ.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from orderflow_lag.errors import LagError
from orderflow_lag.monitor import GroupReport, LagMonitor
from orderflow_lag.observation import GroupObservation
from orderflow_lag.read import IsolatedReader
from orderflow_local import metrics
from orderflow_local.workers import StreamWorker
from orderflow_operator import scaling
from orderflow_operator.rates import subscription
from orderflow_operator.scaling import Decision, Memory, Sample, Target

POLL_SECONDS = 2.0
_ANSWER_SECONDS = 5.0


@dataclass(slots=True)
class Scaled:
    """A worker with what was learned of it, and the last decision."""

    worker: StreamWorker
    memory: Memory = field(default_factory=Memory)
    decision: Decision | None = None
    replicas: int = 0
    ready: int = 0
    lag: int | None = None
    lag_seconds: float | None = None


class Autoscaler:
    """A thread that decides every two seconds.

    `target(service)` returns what runs now; `scale(service, replicas, message)` is told of every change;
    `say` of what is wrong.
    """

    def __init__(
        self,
        workers: Sequence[StreamWorker],
        config: Mapping[str, Any],
        target: Callable[[str], Target],
        scale: Callable[[str, int, str], None],
        say: Callable[[str], None],
    ) -> None:
        self._scaled = [Scaled(worker) for worker in workers]
        self._config = dict(config)
        self._target = target
        self._scale = scale
        self._say = say
        self._told = ""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="autoscaler", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Make no further decision; one under way ends first."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(2 * _ANSWER_SECONDS)

    def decisions(self) -> list[dict[str, Any]]:
        """Return the last decision about every worker, as /decisions gives it."""
        return [_told(each) for each in self._scaled if each.decision]

    def _run(self) -> None:
        with IsolatedReader(self._config, timeout=_ANSWER_SECONDS) as reader:
            monitor = LagMonitor(reader)
            while not self._stopped.wait(POLL_SECONDS):
                try:
                    self._poll(monitor)
                except Exception as defect:
                    # The workers go on as they are; silence would look like "nothing to do".
                    self._tell(f"The autoscaler failed, {type(defect).__name__}: {defect}; trying again")

    def _tell(self, sentence: str) -> None:
        """Say something once, however often it happens in a row."""
        if sentence != self._told:
            self._say(sentence)
        self._told = sentence

    def _poll(self, monitor: LagMonitor) -> None:
        subscriptions = [
            subscription(each.worker.group, [each.worker.topic], each.worker.policy.offset_reset, each.memory)
            for each in self._scaled
        ]
        try:
            reports: Sequence[GroupReport | str] = monitor.look(subscriptions)
        except LagError as error:
            reports = [str(error)] * len(self._scaled)
        for each, report in zip(self._scaled, reports, strict=True):
            self._decide(each, report)

    def _decide(self, scaled: Scaled, report: GroupReport | str) -> None:
        target = self._target(scaled.worker.service)
        sample = _unreadable(report, target) if isinstance(report, str) else _sample(report, target)
        scaled.replicas, scaled.ready = target.replicas, target.ready
        scaled.lag_seconds = sample.lag_seconds
        scaled.lag = None if isinstance(report, str) else report.lag.total
        memory, decision = scaling.step(scaled.worker.policy, scaled.memory, sample)
        if decision.write and not self._stopped.is_set():
            self._scale(scaled.worker.service, decision.replicas, decision.message)
        scaled.memory = scaling.remember(memory, decision, wrote=decision.write)
        scaled.decision = decision
        _measure(scaled, decision)


def _measure(scaled: Scaled, decision: Decision) -> None:
    service = scaled.worker.service
    metrics.DESIRED.labels(service).set(decision.replicas)
    metrics.READY.labels(service).set(scaled.ready)
    metrics.set_or_drop(metrics.LAG, service, scaled.lag)
    metrics.set_or_drop(metrics.LAG_SECONDS, service, scaled.lag_seconds)


def _sample(report: GroupReport, target: Target) -> Sample:
    members = len(report.observed.members) if isinstance(report.observed, GroupObservation) else 0
    unknown = report.lag.problems or report.lag.unknown
    return Sample(
        at=report.at,
        group=report.state.value,
        members=members,
        partitions=scaling.samples_of(report.lag, report.observed),
        target=target,
        lag_seconds=None if unknown else report.seconds_of().seconds,
        problem="; ".join(map(str, report.lag.problems)) or None,
    )


def _unreadable(problem: str, target: Target) -> Sample:
    return Sample(at=time.time(), group="Unknown", members=0, partitions=(), target=target, problem=problem)


def _told(scaled: Scaled) -> dict[str, Any]:
    told: dict[str, Any] = msgspec.to_builtins(scaled.decision)
    return {
        "name": scaled.worker.service,
        "group": scaled.worker.group,
        "observedReplicas": scaled.replicas,
        "readyReplicas": scaled.ready,
        "lag": scaled.lag,
        "lagSeconds": scaled.lag_seconds,
        "decision": told,
    }
