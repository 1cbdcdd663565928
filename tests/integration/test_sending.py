"""Sending orders over HTTP: 503 is tried again with the same key, anything else is final."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orderflow.cli.generator import Draft, made_up
from orderflow.cli.send import send_http
from orderflow.cli.tally import Tally


@dataclass
class Service:
    """An Order Service that answers as it is told: the statuses by turn, then 202."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    api_keys: set[str | None] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_answer(self, key: str, api_key: str | None) -> int:
        with self.lock:
            self.keys.append(key)
            self.api_keys.add(api_key)
            return self.answers.pop(0) if self.answers else 202


@pytest.fixture
def service() -> Iterator[Service]:
    told = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.answer(200)

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.answer(told.next_answer(self.headers["Idempotency-Key"], self.headers["X-API-Key"]))

        def answer(self, status: int) -> None:
            body = json.dumps({"detail": f"said {status}"}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        request_queue_size = 128  # all connections come at once

    server = Server(("127.0.0.1", 0), Handler)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield told
    server.shutdown()
    server.server_close()
    thread.join(10)


def send(service: Service, drafts: Iterator[Draft], api_key: str | None = None) -> Tally:
    return send_http(drafts, service.url, rate=None, api_key=api_key, report=lambda _: None)


def test_every_order_is_posted_once_with_a_key_of_its_own(service: Service) -> None:
    tally = send(service, made_up(200, users=5, seed=1), api_key="secret")
    assert (tally.accepted, tally.refused, tally.retried) == (200, 0, 0)
    assert len(service.keys) == len(set(service.keys)) == 200
    assert service.api_keys == {"secret"}


def test_an_order_answered_503_is_sent_again_with_the_same_key(service: Service) -> None:
    service.answers = [503, 503]
    tally = send(service, made_up(1, users=1, seed=1))
    assert (tally.accepted, tally.refused, tally.retried) == (1, 0, 2)
    assert len(service.keys) == 3
    assert len(set(service.keys)) == 1


def test_an_order_answered_422_is_refused_with_the_services_words(service: Service) -> None:
    service.answers = [422]
    tally = send(service, made_up(1, users=1, seed=1))
    assert (tally.accepted, tally.refused, tally.retried) == (0, 1, 0)
    assert tally.first_refusal == "order 1: 422: said 422"
