"""A load generator for POST /orders: keep-alive connections, one request in flight on each.

Runs in a process of its own and prints its figures as JSON. Plain asyncio protocols on uvloop, since a full
HTTP client would cost more processor time than the service it measures.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from dataclasses import dataclass, field
from typing import cast

import uvloop

from bench.load import user_id

_HEAD = (
    "POST /orders HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def request(number: int) -> bytes:
    """Return a whole request: an order of about 190 bytes, its id left to the service."""
    body = (
        f'{{"user_id":"{user_id(number)}","amount":{number % 50_000 + 1}.{number % 90 + 10},'
        f'"items":{number % 9 + 1},"timestamp":"2026-01-01T12:00:00Z","item":"{"x" * 80}"}}'
    )
    return (_HEAD.format(length=len(body)) + body).encode()


@dataclass
class Tally:
    """What came back since `counting_from` (seconds on the performance counter)."""

    counting_from: float
    until: float
    waits: list[float] = field(default_factory=list)
    refused: int = 0
    sent: int = 0

    def note(self, status: bytes, sent_at: float, now: float) -> None:
        if now < self.counting_from or now >= self.until:
            return
        if status == b"202":
            self.waits.append(now - sent_at)
        else:
            self.refused += 1


class Client(asyncio.Protocol):
    """One connection; sends the next request when the last one is answered."""

    def __init__(self, tally: Tally, done: asyncio.Future[None]) -> None:
        self._tally = tally
        self._done = done
        self._buffer = b""
        self._sent_at = 0.0
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports can write, but are not instances of asyncio's class for that.
        self._transport = cast(asyncio.WriteTransport, transport)
        self._send()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, rest = self._buffer.partition(b"\r\n\r\n")
        if not separator or len(rest) < _content_length(head):
            return
        now = time.perf_counter()
        self._tally.note(head[9:12], self._sent_at, now)
        self._buffer = b""
        if now < self._tally.until:
            self._send()
        elif not self._done.done():
            self._done.set_result(None)

    def connection_lost(self, error: Exception | None) -> None:
        if not self._done.done():
            self._done.set_exception(
                error or ConnectionResetError("the service closed a connection under load")
            )

    def _send(self) -> None:
        assert self._transport is not None
        self._tally.sent += 1
        self._sent_at = time.perf_counter()
        self._transport.write(request(self._tally.sent))


def _content_length(head: bytes) -> int:
    lowered = head.lower()
    at = lowered.find(b"content-length:")
    return 0 if at < 0 else int(lowered[at + 15 :].split(b"\r\n", 1)[0])


async def load(port: int, connections: int, warm: float, seconds: float) -> Tally:
    """Keep `connections` requests in flight for `warm` uncounted and `seconds` counted seconds."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    tally = Tally(counting_from=began + warm, until=began + warm + seconds)
    all_done = []
    for _ in range(connections):
        done = loop.create_future()
        all_done.append(done)
        await loop.create_connection(lambda done=done: Client(tally, done), "127.0.0.1", port)  # type: ignore[misc]
    await asyncio.wait_for(asyncio.gather(*all_done), warm + seconds + 30)
    return tally


def main() -> None:
    port, connections, warm, seconds = sys.argv[1:]
    tally = uvloop.run(load(int(port), int(connections), float(warm), float(seconds)))
    # Where PYTHONUNBUFFERED is set, as by `make`, print() may lose a part of half a megabyte on a pipe:
    # nothing below it writes what a short write has left.
    with open(sys.stdout.fileno(), "w", closefd=False) as out:
        json.dump({"waits": tally.waits, "refused": tally.refused}, out)


if __name__ == "__main__":
    main()
