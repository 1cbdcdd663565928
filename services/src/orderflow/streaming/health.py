"""The small HTTP endpoint of every worker: /livez, /readyz and /metrics."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

from orderflow.streaming.progress import Progress


class PortTaken(Exception):
    """Another process listens where the health endpoint should."""


class HealthServer:
    """Serves what `progress` says. Ready: assigned and making progress. Live: the loop moves."""

    def __init__(self, host: str, port: int, progress: Progress, alive: Callable[[], bool]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, kind, body = _answer(self.path, progress, alive)
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
        return int(self._server.server_address[1])

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _answer(path: str, progress: Progress, alive: Callable[[], bool]) -> tuple[int, str, bytes]:
    match path:
        case "/livez":
            return _verdict(alive(), "alive", "the loop makes no progress")
        case "/readyz":
            return _verdict(progress.ready and alive(), "ready", _unready_because(progress))
        case "/metrics":
            return 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)
        case _:
            return _verdict(False, "", "try /livez, /readyz or /metrics", failed=404)


def _unready_because(progress: Progress) -> str:
    if progress.stopping:
        return "it is stopping"
    return f"waits for {progress.waits_for}" if progress.waits_for else "the loop makes no progress"


def _verdict(good: bool, name: str, reason: str, failed: int = 503) -> tuple[int, str, bytes]:
    body = {"status": name} if good else {"status": "failed", "reason": reason}
    return 200 if good else failed, "application/json", json.dumps(body).encode()
