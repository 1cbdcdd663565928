"""The small HTTP endpoint of a process: probes, metrics and what else it tells of itself."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest

Answer = tuple[int, str, bytes]  # status, content type, body
Pages = Mapping[str, Callable[[], Answer]]


class PortTaken(Exception):
    """Another process listens where the endpoint should."""


class Endpoint:
    """Answers GET from the page of the path asked for; any other path is told which there are."""

    def __init__(self, host: str, port: int, pages: Pages) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page = pages.get(self.path)
                status, kind, body = page() if page else _no_page(*pages)
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
        self._thread = threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving, if it was started, and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def verdict(good: str, reason: str = "") -> Answer:
    """Return a probe's answer: 200 and the word for good, or 503 with the reason why not, if there is one."""
    return _failed(503, reason) if reason else as_json({"status": good})


def metrics() -> Answer:
    """Return all metrics of the process, in Prometheus' text format."""
    return 200, CONTENT_TYPE_LATEST, generate_latest(REGISTRY)


def as_json(value: object, status: int = 200) -> Answer:
    """Return a page with a value as JSON."""
    return status, "application/json", msgspec.json.encode(value)


def _no_page(*paths: str) -> Answer:
    *others, last = paths
    return _failed(404, f"try {', '.join(others)} or {last}" if others else f"try {last}")


def _failed(status: int, reason: str) -> Answer:
    return as_json({"status": "failed", "reason": reason}, status)
