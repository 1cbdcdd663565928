"""An answer in one packet: the server writes head and body apart, which costs a system call more for each
order here and another wake-up at the client."""

from __future__ import annotations

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class OneWriteTransport:
    """A transport that writes once a turn of the event loop what was given to it during that turn."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        """Close once everything is written."""
        self._flush()
        self._transport.close()

    def _flush(self) -> None:
        if self._parts:
            self._transport.write(b"".join(self._parts))
            self._parts.clear()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class OneWriteProtocol(HttpToolsProtocol):
    """The server's HTTP/1.1, with its writes put together."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        one_write = OneWriteTransport(transport, asyncio.get_running_loop())
        super().connection_made(cast(asyncio.Transport, one_write))
