"""The supervisor's own endpoint: /decisions, as the operator serves it in a cluster."""

import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

_ANSWER_SECONDS = 2.0


class DecisionsServer:
    """Answers GET /decisions on a free port of this machine's loopback address."""

    def __init__(self, decisions: Callable[[], list[dict[str, Any]]]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                known = self.path == "/decisions"
                body = json.dumps({"decisions": decisions()} if known else {"try": "/decisions"}).encode()
                self.send_response(200 if known else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """The console is for what happens, not for who asks."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="decisions", daemon=True)

    @property
    def url(self) -> str:
        """Where the decisions are."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/decisions"

    def start(self) -> None:
        """Serve in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """Stop serving."""
        if self._thread.is_alive():
            self._server.shutdown()
        self._server.server_close()


def fetch(url: str) -> list[dict[str, Any]]:
    """Return the last decisions, none where nobody answers."""
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:
            found: list[dict[str, Any]] = json.load(answer)["decisions"]
            return found
    except (URLError, OSError, ValueError, KeyError):
        return []
