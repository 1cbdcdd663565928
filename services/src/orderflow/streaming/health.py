"""What a worker says of its health: live while the loop moves, ready once it also waits for nothing."""

from __future__ import annotations

from collections.abc import Callable

from orderflow.streaming.progress import Progress
from orderflow_process.endpoint import Pages, metrics, verdict

_STANDS_STILL = "the loop makes no progress"


def health_pages(progress: Progress, alive: Callable[[], bool]) -> Pages:
    """Return what the endpoint of a worker serves."""
    return {
        "/livez": lambda: verdict("alive", "" if alive() else _STANDS_STILL),
        "/readyz": lambda: verdict("ready", _unready_because(progress, alive)),
        "/metrics": metrics,
    }


def _unready_because(progress: Progress, alive: Callable[[], bool]) -> str:
    if progress.stopping:
        return "it is stopping"
    if progress.waits_for is not None:
        return f"waits for {progress.waits_for}"
    return "" if alive() else _STANDS_STILL
