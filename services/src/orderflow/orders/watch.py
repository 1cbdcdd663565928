"""Whether Kafka answers, and what of its topics is missing: asked again and again beside the requests."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from orderflow.streaming.access import NOTHING, Lacking
from orderflow.streaming.admin import BrokerUnavailable

log = structlog.get_logger(__name__)

_PROOF = 2


@dataclass(frozen=True, slots=True)
class KafkaState:
    """What the last look at Kafka showed. `reachable` is None before the first one."""

    reachable: bool | None = None
    lacking: Lacking = NOTHING

    @property
    def waits_for(self) -> str | None:
        """What has to come before orders can be taken, if anything."""
        if self.reachable is None:
            return "a first answer of Kafka"
        if not self.reachable:
            return "Kafka, which does not answer"
        return str(self.lacking) or None


class KafkaWatch:
    """Keeps `state` fresh: `look()` returns what is lacking or raises BrokerUnavailable."""

    def __init__(self, look: Callable[[], Lacking], *, every_seconds: float = 1.0) -> None:
        self._ask = look
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
                log.info("kafka seen", reachable=seen.reachable, waits_for=seen.waits_for)
            self.state = seen
            self._stop.wait(self._every_seconds)

    def _look(self) -> KafkaState:
        try:
            lacking = self._ask()
        except BrokerUnavailable:
            self._failures += 1
            # Once is no proof: a broker under load may be slow to tell its topics and still commit.
            return self.state if self._failures < _PROOF and self.state.reachable else KafkaState(False)
        self._failures = 0
        return KafkaState(True, lacking)
