"""Starts the system in order, keeps it running, stops it in order."""

import os
import subprocess
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dotenv import dotenv_values

from orderflow_local import plan, state
from orderflow_local.errors import BrokerFailed, LocalError
from orderflow_local.kafka import Broker, Distribution
from orderflow_local.layout import DataFolder
from orderflow_local.logs import last_line, rotate
from orderflow_local.net import free_port
from orderflow_local.plan import Slot, Tier
from orderflow_local.preflight import kafka_settings, make_topics
from orderflow_local.processes import end_leftovers, probe, spawn_service, stop_all
from orderflow_local.settings import LocalSettings
from orderflow_local.state import ProcessState, RunState

READY_WITHIN = 60.0  # seconds
LOOK_EVERY = 0.1  # seconds
ROTATE_EVERY = 5.0  # seconds
BROKER = "kafka"

Say = Callable[[str], None]


@dataclass
class Child:
    """A slot with the process that fills it now, and its record of early ends."""

    slot: Slot
    process: subprocess.Popen[bytes]
    port: int
    started: float  # monotonic seconds
    failures: int = 0
    restarts: int = 0
    start_again_at: float | None = None


@dataclass
class Supervisor:
    """One run of the system; `say` tells the person at the console."""

    settings: LocalSettings
    folder: DataFolder
    distribution: Distribution | None  # None with the user's own broker
    say: Say
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)

    def __post_init__(self) -> None:
        self._children: dict[str, Child] = {}
        self._broker = self._embedded_broker()
        self._broker_failures = 0
        self._broker_started = 0.0
        servers = self.settings.kafka_bootstrap_servers
        self.bootstrap_servers = self._broker.bootstrap_servers if self._broker else str(servers)
        host = "127.0.0.1" if self.settings.host in ("0.0.0.0", "::") else self.settings.host
        self.api_url = f"http://{host}:{self.settings.api_port}"
        prefix = kafka_settings(self.bootstrap_servers).topic_prefix
        self._state = RunState(self.run_id, os.getpid(), self.bootstrap_servers, self.api_url, prefix)

    def start(self) -> None:
        """Start everything and return once all of it is ready; raise LocalError if it cannot be."""
        self._save(self._state)
        if self._broker:
            self._start_broker(self._broker)
        make_topics(self.bootstrap_servers)
        for slot in plan.slots(self.settings.payment_workers, self.settings.notification_workers):
            self._start_service(slot)
        self._wait_ready()
        self._save(replace(self._state, ready=True))

    def watch(self) -> None:
        """Start again what ends, keep the logs small; returns only by an exception."""
        rotated = time.monotonic()
        while True:
            self._look_after_broker()
            for child in list(self._children.values()):
                self._look_after(child)
            if time.monotonic() - rotated > ROTATE_EVERY:
                rotated = time.monotonic()
                for path in self.folder.logs.glob("*.log"):
                    if path.stem != BROKER:  # the broker rolls its own
                        rotate(path)
            time.sleep(LOOK_EVERY)

    def stop(self) -> None:
        """Stop the API, then the workers, then the broker, and make sure that nothing is left."""
        for tier in (Tier.API, Tier.WORKER):
            stop_all(child.process for child in self._children.values() if child.slot.tier is tier)
        if self._broker:
            self._broker.stop()
        # A signal may have come between the start of a process and its being written down.
        end_leftovers(self.run_id)
        self.folder.state.unlink(missing_ok=True)

    def _embedded_broker(self) -> Broker | None:
        if self.distribution is None:
            return None
        return Broker(
            self.distribution,
            self.folder.kafka / "data",
            self.folder.logs,
            port=self.settings.kafka_port,
            heap=self.settings.kafka_heap,
            environment={plan.RUN_ID: self.run_id},
        )

    def _start_broker(self, broker: Broker) -> None:
        self.say(f"Starting Kafka on {broker.bootstrap_servers}")
        broker.start()
        self._broker_started = time.monotonic()
        before = self._state.processes.get(BROKER)
        restarts = before.restarts + 1 if before else 0
        pid = broker.pid or 0
        self._record(ProcessState(BROKER, Tier.BROKER, pid, broker.port, "", time.time(), restarts))
        broker.wait_ready()

    def _start_service(self, slot: Slot, before: Child | None = None) -> None:
        health = free_port()
        environment = plan.environment(
            slot,
            os.environ,
            dotenv_values(os.environ.get("ENV_FILE") or Path("config", f"{slot.service}.env")),
            bootstrap_servers=self.bootstrap_servers,
            health_port=health,
            run_id=self.run_id,
        )
        if slot.tier is Tier.API:
            health = self.settings.api_port
            environment |= {"HOST": self.settings.host, "API_PORT": str(health)}
        process = spawn_service(slot.service, environment, self.folder.log_of(slot.name))
        child = Child(slot, process, health, time.monotonic())
        if before:
            child.failures, child.restarts = before.failures, before.restarts + 1
        self._children[slot.name] = child
        url = f"http://{self._host(slot)}:{health}"
        self._record(
            ProcessState(slot.name, slot.tier, process.pid, health, url, time.time(), child.restarts)
        )

    def _host(self, slot: Slot) -> str:
        return self.api_url[len("http://") :].rpartition(":")[0] if slot.tier is Tier.API else "127.0.0.1"

    def _wait_ready(self) -> None:
        self.say(f"Starting {', '.join(self._children)}")
        waiting, reasons = dict(self._children), dict[str, str]()
        deadline = time.monotonic() + READY_WITHIN
        while waiting:
            for name, child in list(waiting.items()):
                self._require_running(child)
                ready, reasons[name] = probe(child.port, self._host(child.slot))
                if ready:
                    del waiting[name]
            if waiting and time.monotonic() > deadline:
                name = next(iter(waiting))
                raise LocalError(
                    f"{name} is not ready after {READY_WITHIN:.0f} s: it {reasons[name]};"
                    f" see {self.folder.log_of(name)}."
                )
            time.sleep(LOOK_EVERY)

    def _require_running(self, child: Child) -> None:
        code = child.process.poll()
        if code is not None:
            log = self.folder.log_of(child.slot.name)
            raise LocalError(
                f"{child.slot.name} ended with exit code {code} while starting: {last_line(log)} (see {log})"
            )

    def _look_after(self, child: Child) -> None:
        now, code = time.monotonic(), child.process.poll()
        if code is None:
            return
        if child.start_again_at is None:
            delay = plan.restart_delay(child.failures)
            child.failures = plan.failures_in_a_row(child.failures, now - child.started)
            child.start_again_at = now + delay
            self.say(f"{child.slot.name} ended ({_how(code)}); starting it again in {delay:g} s")
        elif now >= child.start_again_at:
            self._start_service(child.slot, child)

    def _look_after_broker(self) -> None:
        if self._broker is None or self._broker.is_running:
            return
        delay = plan.restart_delay(self._broker_failures)
        ran_for = time.monotonic() - self._broker_started
        self._broker_failures = plan.failures_in_a_row(self._broker_failures, ran_for)
        self.say(f"Kafka ended; starting it again in {delay:g} s")
        time.sleep(delay)
        try:
            self._start_broker(self._broker)
        except BrokerFailed as error:
            self.say(str(error))

    def _record(self, process: ProcessState) -> None:
        self._save(self._state.with_process(process))

    def _save(self, new: RunState) -> None:
        self._state = new
        self.folder.logs.mkdir(parents=True, exist_ok=True)
        state.save(self.folder.state, new)


def _how(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
