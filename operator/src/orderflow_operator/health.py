"""The HTTP endpoint of the operator: /healthz, /readyz, /metrics and the last decisions as JSON.

Healthy means that things move: every polling loop, the Lease, and the watches, whose picture of the cluster
is compared with the API server's now and then. A watch that died in silence so restarts the process.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest


class PortTaken(Exception):
    """Another process listens where the health endpoint should."""


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


class HealthServer:
    """Serves what `vitals` say, and what `decisions` returns."""

    def __init__(self, host: str, port: int, vitals: Vitals, decisions: Callable[[], Any]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = _answer(self.path, vitals, decisions)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Probes come every few seconds; nobody reads of them."""

        try:
            self._server = ThreadingHTTPServer((host, port), Handler)
        except OSError as error:
            raise PortTaken(
                f"HEALTH_HOST={host} HEALTH_PORT={port}: {error.strerror}; "
                "choose another port, or 0 for a free one"
            ) from None
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="health", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def _answer(asked: str, vitals: Vitals, decisions: Callable[[], Any]) -> tuple[int, str, bytes]:
    match asked:
        case "/healthz":
            return _verdict("; ".join(vitals.stalled()))
        case "/readyz":
            reasons = [f"waits for {vitals.waits_for}"] if vitals.waits_for else vitals.stalled()
            return _verdict("; ".join(reasons))
        case "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        case "/decisions":
            return 200, "application/json", msgspec.json.encode(decisions())
        case _:
            return _verdict("try /healthz, /readyz, /metrics or /decisions", failed=404)


def _verdict(reason: str, failed: int = 503) -> tuple[int, str, bytes]:
    body = {"status": "failed", "reason": reason} if reason else {"status": "ok"}
    return failed if reason else 200, "application/json", msgspec.json.encode(body)
