"""One run: a pipeline on a broker of its own, a steady load, everything the schedule says, then the proof."""

from __future__ import annotations

import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from support.brokers import wait_for_coordinators
from support.chaos.fleet import Fleet
from support.chaos.load import Load
from support.chaos.poison import ForeignProducer
from support.chaos.schedule import AT_FIRST, NOTIFIERS, Event, schedule
from support.chaos.verdict import Evidence, violations
from support.pipeline import Pipeline

from orderflow.verify.reading import Groups, TransactionsOpen, drain, verify
from orderflow.verify.report import Report
from orderflow_local.kafka import Broker
from orderflow_local.net import free_port

PREFIX = "chaos."
_TICK = 0.05  # seconds
_TELL_EVERY = 5.0  # seconds
_START_WITHIN = 60.0
_DRAIN_WITHIN = 90.0

# What is shown to whoever waits: the seconds that have passed, and what happened last.
Show = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be run: `rate` orders a second, up to `most` payment workers."""

    seed: int
    duration: float
    rate: float = 100.0
    most: int = 8


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run came to.

    happened: how often each kind of event came. answers: how often each status. surprises: processes that
    ended without being told to.
    """

    report: Report
    evidence: Evidence
    happened: Counter[str]
    answers: Counter[int]
    surprises: tuple[str, ...]

    @property
    def violations(self) -> list[str]:
        """Every broken promise, in sentences."""
        return violations(self.report, self.evidence)


@dataclass
class Chaos:
    """A run in a folder, where it leaves `events.log` and the logs of all processes."""

    plan: Plan
    broker: Broker
    folder: Path
    show: Show = lambda _seconds, _what: None
    happened: Counter[str] = field(default_factory=Counter)

    def perform(self) -> Outcome:
        """Run everything and return what came of it; the broker and all processes have ended then."""
        with ExitStack() as stack:
            self._log = stack.enter_context((self.folder / "events.log").open("w", buffering=1))
            self._started = time.monotonic()
            stack.callback(self.broker.stop)
            self._start_broker()
            pipeline = Pipeline(self.broker.bootstrap_servers, PREFIX, self.folder).create_topics()
            self._groups = Groups(pipeline.group("payments"), pipeline.group("notifications"))
            stack.callback(pipeline.close)
            self._settings = pipeline.settings
            self._beside = stack.enter_context(ThreadPoolExecutor(1, "broker"))
            self._restarted = Future[None]()
            self._restarted.set_result(None)
            self._fleet = Fleet(pipeline, self._note)
            self._foreign = ForeignProducer(self.broker.bootstrap_servers, f"{PREFIX}orders")
            return self._perform()

    def _perform(self) -> Outcome:
        port = free_port()
        self._fleet.scale("payments", AT_FIRST)
        self._fleet.scale("notifications", NOTIFIERS)
        self._fleet.scale("orders", 1, api_port=port)
        self._tend_until(lambda: self._fleet.all_ready, _START_WITHIN)
        self._started = time.monotonic()
        with Load(f"http://127.0.0.1:{port}", rate=self.plan.rate) as load:
            self._play(load)
            load.stop()
            self._tend_until(lambda: load.ended)
        self._tend_until(self._restarted.done)
        self._restarted.result()
        self._foreign.finish()
        behind = self._drain()
        self._note(behind or "the groups have no lag")
        try:
            report = self._verify(load)
        except TransactionsOpen as error:
            report, behind = Report(), str(error)
        evidence = Evidence(
            promised=len(set(load.promised)),
            foreign=self._foreign.good,
            poison=self._foreign.rejected,
            unanswered=load.unanswered,
            behind=behind,
            complaints=(*load.refused, *self._foreign.failures),
        )
        self._note(f"{report} {evidence}")
        return Outcome(report, evidence, self.happened, load.answers, tuple(self._fleet.surprises))

    def _verify(self, load: Load) -> Report:
        def progress(topic: str, read: int, total: int) -> None:
            self._tell(f"verifying: {topic} {read:,} of {total:,}")

        return verify(self._settings, self._groups, progress=progress, promised=load.promised)

    def _play(self, load: Load) -> None:
        """Let everything happen at its time."""
        due = sorted(self._steps(), key=lambda step: step[0])
        told = 0.0
        while (now := self._seconds) < self.plan.duration:
            while due and due[0][0] <= now:
                due.pop(0)[1]()
            if now >= told:
                self._note(f"{len(load.promised)} orders accepted, {dict(load.answers)}")
                told = now + _TELL_EVERY
            self._tend()

    def _steps(self) -> Iterator[tuple[float, Callable[[], None]]]:
        """Yield the beginning of each event and the end of those that last, with their times."""
        for event in schedule(self.plan.seed, self.plan.duration, most=self.plan.most):
            yield event.at, partial(self._begin, event)
            if event.kind == "freeze payments":
                yield event.at + event.seconds, partial(self._wake, event.target)
            elif event.kind == "kill broker":
                yield event.at + event.seconds, partial(self._with_broker, self._start_broker)

    def _begin(self, event: Event) -> None:
        self._note(str(event))
        self.happened[event.kind] += 1
        match event.kind:
            case "kill payments" | "kill notifications":
                self._fleet.signal(event.target, signal.SIGKILL)
            case "freeze payments":
                self._fleet.signal(event.target, signal.SIGSTOP)
            case "scale payments":
                self._fleet.scale("payments", event.number)
            case "gateway errors":
                self._fleet.change(event.target, payment_error_rate=event.number / 100)
            case "poison":
                self._foreign.write(event.number, user=f"user-{event.number}-0")
            case "kill api":
                self._fleet.signal("orders-1", signal.SIGKILL)
            case "kill broker":
                self._with_broker(self.broker.kill)
            case "restart broker":
                self._with_broker(self.broker.restart)

    def _wake(self, name: str) -> None:
        self._note(f"{name} wakes up")
        self._fleet.signal(name, signal.SIGCONT)

    def _with_broker(self, work: Callable[[], None]) -> None:
        """Have something done to the broker beside everything else, one after the other."""
        self._restarted = self._beside.submit(work)

    def _start_broker(self) -> None:
        self.broker.start()
        self.broker.wait_ready()
        wait_for_coordinators(self.broker.bootstrap_servers)
        self._note("the broker answers")

    def _drain(self) -> str:
        """Wait until the groups have no lag; return an empty text, or what is left and who works on it."""
        for lags in drain(self._settings, self._groups, within=_DRAIN_WITHIN):
            self._tend()
            left = ", ".join(f"{lag.group} has lag {lag.known}" for lag in lags if lag.total != 0)
            self._tell(f"draining: {left}")
        running = ", ".join(each.name for each in self._fleet.replicas.values() if each.runs)
        return left and f"{left} after {_DRAIN_WITHIN:g} s, with {running or 'nobody'} at work"

    def _tend_until(self, done: Callable[[], bool], within: float = float("inf")) -> None:
        give_up = time.monotonic() + within
        while not done():
            self._tend()
            if time.monotonic() > give_up:
                raise TimeoutError(f"the pipeline is not ready after {within:g} s; see {self.folder}")

    def _tend(self) -> None:
        self._fleet.tend(time.monotonic())
        self._tell()
        time.sleep(_TICK)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._started

    def _note(self, what: str) -> None:
        self._log.write(f"{self._seconds:7.2f} {what}\n")
        self._tell(what)

    def _tell(self, what: str = "") -> None:
        self.show(self._seconds, what)
