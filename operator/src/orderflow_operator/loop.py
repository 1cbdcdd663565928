"""The polling loops: one a Kafka cluster and identity, in threads beside kopf's event loop.

The rounds say who is polled by whom: they find each worker's way into Kafka, start a loop for each, and end
those without workers. While another replica holds the Lease there is no loop at all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import structlog

from orderflow_operator import metrics
from orderflow_operator.access import Access, AccessBook, NoAccess
from orderflow_operator.apply import NotHolder, Writer
from orderflow_operator.health import Vitals
from orderflow_operator.kube import ApiError, NotFound
from orderflow_operator.observe_cluster import STREAM_WORKERS, ClusterView, Key
from orderflow_operator.observe_kafka import KafkaObserver
from orderflow_operator.poll import Polling
from orderflow_operator.spec.fields import SpecError
from orderflow_operator.workers import Worker, Workers

log = structlog.get_logger(__name__)

_END_SECONDS = 20.0  # for a poll under way; what it would still write is refused by the Lease

Route = Access | str  # a way into Kafka, or why there is none


class Loop:
    """Calls `work` again and again, every `interval` seconds and when woken, in a thread of its own.

    Each call that ends well is progress; one that fails is logged and shows in /healthz if it goes on.
    """

    def __init__(
        self, name: str, work: Callable[[], None], interval: float, vitals: Vitals, within: float
    ) -> None:
        self._name, self._work, self._interval = name, work, interval
        self._vitals, self._within = vitals, within
        self._woken, self._stopping = threading.Event(), False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, with a first call at once."""
        self._vitals.beat(self._name, self._within)
        self._thread.start()

    def wake(self) -> None:
        """Call now, not at the next interval."""
        self._woken.set()

    def stop(self) -> None:
        """End after the present call; no longer waited for by /healthz."""
        self._stopping = True
        self._woken.set()
        self._vitals.forget(self._name)

    def join(self, timeout: float) -> None:
        """Wait for the end."""
        self._thread.join(timeout)

    def _run(self) -> None:
        while not self._stopping:
            self._woken.clear()
            began = time.monotonic()
            try:
                self._work()
            except Exception:  # the edge of the thread: whatever it was, the next call may work
                log.exception("a loop failed", loop=self._name)
            else:
                if not self._stopping:
                    self._vitals.beat(self._name, self._within)
            self._woken.wait(max(0.0, self._interval - (time.monotonic() - began)))


@dataclass(slots=True)
class ClusterLoop:
    """The loop of one way into Kafka, and the workers that are polled in it."""

    route: Route
    polling: Polling
    workers: Workers
    observer: KafkaObserver
    keys: tuple[Key, ...] = ()

    def poll(self) -> None:
        """Look after the workers as they are now."""
        began, name = time.monotonic(), str(self.route) if isinstance(self.route, Access) else ""
        loaded = [worker for key in self.keys if (worker := self._load(key))]
        if loaded:
            self.polling.poll(loaded, self.route, self.observer)
        if name:
            metrics.POLL.labels(name).observe(time.monotonic() - began)

    def _load(self, key: Key) -> Worker | None:
        try:
            return self.workers.load(key, self.polling.clock())
        except ApiError as error:
            log.warning("a StreamWorker cannot be read", worker=key, reason=str(error))
        except SpecError:
            pass  # told by the rounds
        return None


@dataclass(slots=True)
class Rounds:
    """Who is polled by whom; `run` is called by one thread."""

    view: ClusterView
    workers: Workers
    writer: Writer
    polling: Polling
    book: AccessBook
    vitals: Vitals
    interval: float
    within: float
    namespaces: tuple[str, ...]
    new_observer: Callable[[], KafkaObserver]
    refuse: Callable[[Key, SpecError], None]
    _loops: dict[tuple[str, ...], tuple[ClusterLoop, Loop]] = field(default_factory=dict)

    def run(self) -> None:
        """Route every worker once; start and end loops accordingly."""
        try:
            self.writer.check()
        except NotHolder:
            self.end()
            return
        self.workers.meet(self.namespaces, self.polling.clock())
        routes = self._routes()
        self._end([name for name in self._loops if name not in routes])
        for name, (route, keys) in routes.items():
            self._begin(name, route, keys)
        kept = [key for _, keys in routes.values() for key in keys]
        self.workers.keep(kept)
        metrics.WORKERS.set(len(kept))

    def wake(self) -> None:
        """Let every loop poll now."""
        for _, loop in list(self._loops.values()):
            loop.wake()

    def end(self) -> None:
        """End every loop, and wait for what it is writing."""
        self._end(list(self._loops))
        self.workers.clear()

    def _routes(self) -> dict[tuple[str, ...], tuple[Route, tuple[Key, ...]]]:
        found: dict[tuple[str, ...], tuple[Route, tuple[Key, ...]]] = {}
        for key in self.view.all(STREAM_WORKERS):
            try:
                worker = self.workers.load(key, self.polling.clock())
            except SpecError as error:
                self.refuse(key, error)
                continue
            except NotFound:
                continue
            if worker is not None:
                route = self._route(worker)
                name = _name(route)
                found[name] = (route, (*found.get(name, (route, ()))[1], key))
        return found

    def _route(self, worker: Worker) -> Route:
        try:
            return self.book.of(worker.key[0], worker.spec.kafka)
        except NoAccess as error:
            return str(error)

    def _begin(self, name: tuple[str, ...], route: Route, keys: tuple[Key, ...]) -> None:
        if name not in self._loops:
            cluster = ClusterLoop(route, self.polling, self.workers, self.new_observer(), keys)
            title = (
                f"the poll of {route}" if isinstance(route, Access) else f"the poll without Kafka: {route}"
            )
            loop = Loop(title, cluster.poll, self.interval, self.vitals, self.within)
            self._loops[name] = (cluster, loop)
            loop.start()
            return
        cluster, loop = self._loops[name]
        is_new = not set(keys) <= set(cluster.keys) or _version(route) != _version(cluster.route)
        cluster.route, cluster.keys = route, keys
        if is_new:
            loop.wake()

    def _end(self, names: Iterable[tuple[str, ...]]) -> None:
        ended = [self._loops.pop(name) for name in names]
        for cluster, loop in ended:
            cluster.keys = ()
            loop.stop()
        for cluster, loop in ended:
            loop.join(_END_SECONDS)
            cluster.observer.close()


def _name(route: Route) -> tuple[str, ...]:
    if isinstance(route, str):
        return (route,)
    return (route.bootstrap_servers, route.protocol, route.identity, route.trust)


def _version(route: Route) -> str:
    return route.version if isinstance(route, Access) else route
