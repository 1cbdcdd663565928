"""Whether Kafka answers, and which topics are missing: asked again and again beside the requests."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from orderflow.streaming.admin import BrokerUnavailable

log = structlog.get_logger(__name__)

_PROOF = 2


@dataclass(frozen=True, slots=True)
class KafkaState:
    """What the last look at Kafka showed. `reachable` is None before the first one."""

    reachable: bool | None = None
    missing_topics: tuple[str, ...] = ()

    @property
    def waits_for(self) -> str | None:
        """What has to come before orders can be taken, if anything."""
        if self.reachable is None:
            return "a first answer of Kafka"
        if not self.reachable:
            return "Kafka, which does not answer"
        if self.missing_topics:
            return f"topics that do not exist: {', '.join(self.missing_topics)}"
        return None


class KafkaWatch:
    """Keeps `state` fresh: `find_missing()` returns the missing topics or raises BrokerUnavailable."""

    def __init__(self, find_missing: Callable[[], Sequence[str]], *, every_seconds: float = 1.0) -> None:
        self._find_missing = find_missing
        self._every_seconds = every_seconds
        self._stop = threading.Event()
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="kafka-watch", daemon=True)
        self.state = KafkaState()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            seen = self._look()
            if seen != self.state:
                log.info("kafka seen", reachable=seen.reachable, missing_topics=list(seen.missing_topics))
            self.state = seen
            self._stop.wait(self._every_seconds)

    def _look(self) -> KafkaState:
        try:
            missing = tuple(self._find_missing())
        except BrokerUnavailable:
            self._failures += 1
            # Once is no proof: a broker under load may be slow to tell its topics and still commit.
            return self.state if self._failures < _PROOF and self.state.reachable else KafkaState(False)
        self._failures = 0
        return KafkaState(True, missing)
