"""A pipeline whose workers run in this process, made of parts that a test may replace."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from decimal import Decimal
from types import ModuleType
from typing import Any
from unittest import mock

from support.broken.mortal import Crash
from support.pipeline import Pipeline

from orderflow.events import Notification
from orderflow.notifications.reaction import notification_service
from orderflow.notifications.settings import NotificationSettings
from orderflow.payments.door import Door
from orderflow.payments.gateway import PaymentGateway, SimulatedGateway
from orderflow.payments.reaction import payment_service
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming import committing
from orderflow.streaming import worker as loop
from orderflow.streaming.service import Service
from orderflow.streaming.source import Source
from orderflow.streaming.tail import TailReader
from orderflow.streaming.transactions import TransactionalProducer
from orderflow.streaming.worker import Worker
from orderflow.verify.reading import Groups, drain, verify
from orderflow.verify.report import Report

_WITHIN = 40.0
_building = threading.Lock()


@contextmanager
def replaced(*parts: tuple[ModuleType, str, Callable[..., Any]]) -> Iterator[None]:
    """Put parts into the places where a worker finds them while it is made; only one is made at a time."""
    with _building, ExitStack() as stack:
        for module, name, part in parts:
            stack.enter_context(mock.patch.object(module, name, part))
        yield


class NoDelivery:
    """Tells nobody."""

    def deliver(self, notification: Notification, subject: str) -> None:
        pass


@dataclass(frozen=True)
class Parts:
    """What a worker is made of."""

    producer: Callable[..., TransactionalProducer] = TransactionalProducer
    source: Callable[..., Source] = Source


HEALTHY = Parts()


class Running:
    """A worker in a thread of its own; `died` tells that it ended as a killed process does."""

    def __init__(self, worker: Worker[Any]) -> None:
        self.died = False
        self._worker = worker
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="worker")
        self._thread.start()

    def join(self) -> None:
        """Wait until the worker has ended by itself; raise what ended it, unless it died."""
        self._thread.join(_WITHIN)
        assert not self._thread.is_alive(), "the worker goes on"
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        """Ask the worker to end, and wait for it."""
        self._worker.stop()
        self.join()

    def _run(self) -> None:
        try:
            self._worker.run()
        except Crash:
            self.died = True
        except BaseException as error:
            self._error = error


@dataclass(frozen=True)
class Scene:
    """A pipeline and its two groups."""

    pipeline: Pipeline

    @property
    def groups(self) -> Groups:
        return Groups(self.pipeline.group("payments"), self.pipeline.group("notifications"))

    def payment_service(
        self, gateway: PaymentGateway | None = None, *, remembers: bool = False
    ) -> Service[Any]:
        """Return the Payment Service.

        Unless it `remembers` every order is a new one to it; else it would make up for what others broke.
        """
        settings = PaymentSettings(**self._settings("payments", "door"))
        door = Door(settings.payment_dedup_window, lambda: TailReader(settings))
        return payment_service(
            gateway or SimulatedGateway(success_rate=0.8),
            unit_price=Decimal(1),
            memory=door if remembers else None,
        )

    def pay(self, parts: Parts, service: Service[Any] | None = None, name: str = "payments") -> Running:
        """Start a payment worker."""
        settings = PaymentSettings(**self._settings("payments", name))
        return self._start(service or self.payment_service(), settings, parts)

    def notify(self, parts: Parts) -> Running:
        """Start a notification worker."""
        settings = NotificationSettings(**self._settings("notifications", "notifications"))
        return self._start(notification_service(NoDelivery()), settings, parts)

    def wait_for(self, group: str) -> None:
        """Return once this group has no lag."""
        for lags in drain(self.pipeline.settings, self.groups, within=_WITHIN):
            (left,) = (lag.total for lag in lags if lag.group == group)
            if left == 0:
                return
        raise AssertionError(f"{group} has lag: {left}")

    def finish(self, service: Service[Any] | None = None, notifier: Parts = HEALTHY) -> None:
        """Let workers do what is left, healthy ones unless told otherwise."""
        workers = [self.pay(HEALTHY, service), self.notify(notifier)]
        try:
            # To its end, which is not before all that was committed can be read: it may be work, too.
            *_, lags = drain(self.pipeline.settings, self.groups, within=_WITHIN)
        finally:
            for worker in workers:
                worker.stop()
        assert all(lag.total == 0 for lag in lags), f"the groups have lag: {lags}"

    def verdict(self, promised: list[tuple[str, str]] | None = None) -> Report:
        """Read the whole log."""
        return verify(self.pipeline.settings, self.groups, progress=lambda *_: None, promised=promised or ())

    def _start(self, service: Service[Any], settings: Any, parts: Parts) -> Running:
        with replaced((committing, "TransactionalProducer", parts.producer), (loop, "Source", parts.source)):
            worker = Worker(service, settings)
        return Running(worker)

    def _settings(self, service: str, name: str) -> dict[str, Any]:
        return {
            "kafka_bootstrap_servers": self.pipeline.bootstrap_servers,
            "kafka_group_id": self.pipeline.group(service),
            "topic_prefix": self.pipeline.prefix,
            "instance_name": f"{self.pipeline.prefix}{name}",
            # Who stands still is to be stopped by fencing alone.
            "transaction_timeout_seconds": 60,
        }
