"""The HTTP endpoint of the operator: /healthz, /readyz, /metrics and the last decisions as JSON.

Healthy means that things move: every polling loop, the Lease, and the watches, whose picture of the cluster
is compared with the API server's now and then. A watch that died in silence so restarts the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from orderflow_process.endpoint import Pages, as_json, metrics, verdict


@dataclass(slots=True)
class Vitals:
    """When each moving part last made progress, by the monotonic clock."""

    clock: Callable[[], float] = time.monotonic
    waits_for: str = "the first look at the cluster"
    _beats: dict[str, tuple[float, float]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def beat(self, part: str, within: float) -> None:
        """Note progress of a part, and after how many seconds without any it counts as stalled."""
        with self._lock:
            self._beats[part] = (self.clock(), within)

    def forget(self, part: str) -> None:
        """A part that ended on purpose is no longer waited for."""
        with self._lock:
            self._beats.pop(part, None)

    def stalled(self) -> list[str]:
        """Return what made no progress in time, in words."""
        now = self.clock()
        with self._lock:
            late = {part: now - at for part, (at, within) in self._beats.items() if now - at > within}
        return [f"{part} made no progress for {seconds:.0f} s" for part, seconds in sorted(late.items())]


def health_pages(vitals: Vitals, decisions: Callable[[], Any]) -> Pages:
    """Return what the endpoint of the operator serves: what `vitals` say, and what `decisions` returns."""

    def unready() -> str:
        return f"waits for {vitals.waits_for}" if vitals.waits_for else "; ".join(vitals.stalled())

    return {
        "/healthz": lambda: verdict("ok", "; ".join(vitals.stalled())),
        "/readyz": lambda: verdict("ok", unready()),
        "/metrics": metrics,
        "/decisions": lambda: as_json(decisions()),
    }
