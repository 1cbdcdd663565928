"""Starts the system in order, keeps it running, stops it in order."""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from dotenv import dotenv_values

from orderflow.streaming.clients import connection_config
from orderflow_local import metrics, plan, state
from orderflow_local.autoscaler import Autoscaler
from orderflow_local.children import Child, await_ready, how_it_ended
from orderflow_local.decisions import decisions_endpoint, url_of
from orderflow_local.errors import BrokerFailed
from orderflow_local.kafka import Broker, Distribution
from orderflow_local.layout import DataFolder
from orderflow_local.logs import rotate
from orderflow_local.net import free_port
from orderflow_local.plan import Slot, Tier
from orderflow_local.preflight import kafka_settings, make_topics
from orderflow_local.processes import STOP_WITHIN, end_leftovers, kill, probe, spawn_service, stop_all
from orderflow_local.settings import LocalSettings
from orderflow_local.state import ProcessState, RunState
from orderflow_local.workers import stream_workers
from orderflow_operator.scaling import Target

LOOK_EVERY = 0.1  # seconds
ROTATE_EVERY = 5.0  # seconds
BROKER = "kafka"

Say = Callable[[str], None]


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
        kafka = kafka_settings(self.bootstrap_servers)
        workers = stream_workers(self.settings)
        # Set by the autoscaler's thread, followed by the loop.
        self._wanted = {worker.service: worker.policy.min_replicas for worker in workers}
        self._autoscaler = Autoscaler(workers, connection_config(kafka), self._target, self._scale, self.say)
        self._decisions = decisions_endpoint(self._autoscaler.decisions)
        self._state = RunState(
            self.run_id,
            os.getpid(),
            self.bootstrap_servers,
            self.api_url,
            kafka.topic_prefix,
            url_of(self._decisions),
        )

    def start(self) -> None:
        """Start everything and return once all of it is ready; raise LocalError if it cannot be."""
        self._save(self._state)
        if self._broker:
            self._start_broker(self._broker)
        make_topics(self.bootstrap_servers)
        for slot in plan.slots(self.settings.payment_workers, self.settings.notification_workers):
            self._start_service(slot)
        self.say(f"Starting {', '.join(self._children)}")
        await_ready(self._children.values(), self._host, self.folder)
        self._decisions.start()
        self._autoscaler.start()
        self._save(replace(self._state, ready=True))

    def watch(self) -> None:
        """Start again what ends, keep the logs small; returns only by an exception."""
        rotated = time.monotonic()
        while True:
            self._look_after_broker()
            self._follow_decisions()
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
        self._autoscaler.stop()
        self._decisions.stop()
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
            _env_file(slot.service),
            bootstrap_servers=self.bootstrap_servers,
            topic_prefix=self._state.topic_prefix,
            health_port=health,
            run_id=self.run_id,
            tables=plan.tables_url(_env_file("analytics"), self.folder.tables),
        )
        if slot.tier is Tier.API:
            health = self.settings.api_port
            environment |= {"HOST": self.settings.host, "API_PORT": str(health)}
            environment["SCALER_URL"] = self._state.decisions_url
        process = spawn_service(slot.service, environment, self.folder.log_of(slot.name))
        child = Child(slot, process, health, time.monotonic())
        if before:
            child.failures, child.restarts = before.failures, before.restarts + 1
            metrics.RESTARTS.labels(slot.name).inc()
        self._children[slot.name] = child
        url = f"http://{self._host(slot)}:{health}"
        self._record(
            ProcessState(slot.name, slot.tier, process.pid, health, url, time.time(), child.restarts)
        )

    def _host(self, slot: Slot) -> str:
        return self.api_url[len("http://") :].rpartition(":")[0] if slot.tier is Tier.API else "127.0.0.1"

    def _look_after(self, child: Child) -> None:
        now, code = time.monotonic(), child.process.poll()
        if child.leaves_by is not None:
            self._see_off(child, code, late=now > child.leaves_by)
            return
        if code is None:
            return
        if child.start_again_at is None:
            delay = plan.restart_delay(child.failures)
            child.failures = plan.failures_in_a_row(child.failures, now - child.started)
            child.start_again_at = now + delay
            self.say(f"{child.slot.name} ended ({how_it_ended(code)}); starting it again in {delay:g} s")
        elif now >= child.start_again_at:
            self._start_service(child.slot, child)

    def _see_off(self, child: Child, code: int | None, *, late: bool) -> None:
        if code is not None:
            del self._children[child.slot.name]
            self._save(self._state.without_process(child.slot.name))
        elif late:
            kill(child.process)

    def _follow_decisions(self) -> None:
        """Start and stop workers until as many run as the autoscaler wants."""
        for service, wanted in self._wanted.items():
            working = [child.slot for child in self._children.values() if child.leaves_by is None]
            fill, leave = plan.worker_slots(service, working, wanted)
            for slot in fill:
                # A slot whose last process is still finishing is filled once that has ended.
                if slot.name not in self._children:
                    self._start_service(slot)
            for slot in leave:
                child = self._children[slot.name]
                child.leaves_by = time.monotonic() + STOP_WITHIN
                child.process.terminate()

    def _target(self, service: str) -> Target:
        """Return what the autoscaler is to know of a service's processes; asks each whether it is ready."""
        children = [child for child in list(self._children.values()) if child.slot.service == service]
        ready = sum(probe(child.port)[0] for child in children if child.leaves_by is None)
        return Target(replicas=self._wanted[service], ready=ready)

    def _scale(self, service: str, replicas: int, message: str) -> None:
        self.say(f"{service}: {self._wanted[service]} -> {replicas} processes. {message}")
        self._wanted[service] = replicas

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


def _env_file(service: str) -> dict[str, str | None]:
    return dotenv_values(os.environ.get("ENV_FILE") or Path("config", f"{service}.env"))
