"""A load generator for GET requests at a steady rate, on keep-alive connections.

Runs in a process of its own and prints its figures as JSON. A request is due at its time whatever became of
those before, and waits from then on: an answer that is late makes the next ones late, not fewer.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import uvloop

CONNECTIONS = 16

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def ask(connection: Connection, path: str) -> int:
    """Send one request and read its whole answer; return the status."""
    reader, writer = connection
    writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(
        int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
    )
    await reader.readexactly(length)
    return int(head[9:12])


async def load(port: int, paths: list[str], rate: int, warm: float, seconds: float) -> dict[str, object]:
    """Ask for the paths in turn, `rate` times a second; return the waits of what was due when warm."""
    free: asyncio.LifoQueue[Connection] = asyncio.LifoQueue()
    for _ in range(CONNECTIONS):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))
    waits, refused = list[float](), 0
    began = time.perf_counter()

    async def one(number: int, due: float) -> None:
        nonlocal refused
        connection = await free.get()
        status = await ask(connection, paths[number % len(paths)])
        free.put_nowait(connection)
        if due >= began + warm:
            waits.append(time.perf_counter() - due)
            refused += status != 200

    async with asyncio.TaskGroup() as asked:
        for number in range(int(rate * (warm + seconds))):
            due = began + number / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            asked.create_task(one(number, due))
    return {"waits": waits, "refused": refused}


def main() -> None:
    port, rate, warm, seconds = sys.argv[1:]
    paths = sys.stdin.read().split()
    print(json.dumps(uvloop.run(load(int(port), paths, int(rate), float(warm), float(seconds)))))


if __name__ == "__main__":
    main()
