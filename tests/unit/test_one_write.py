"""Head and body of an answer leave together, and nothing that was written is lost."""

import asyncio
from typing import Any, cast

from orderflow.orders.one_write import OneWriteTransport


class Recording:
    """The end of the line: what was written, in pieces, and whether it was closed after that."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.pieces.append(data)

    def close(self) -> None:
        self.pieces.append(b"<closed>")

    def is_closing(self) -> bool:
        return False


def written(*steps: Any) -> list[bytes]:
    """Return what reaches the line when bytes are written, None is a turn of the loop and 'close' closes."""

    async def run() -> list[bytes]:
        line = Recording()
        transport = OneWriteTransport(cast(asyncio.Transport, line), asyncio.get_running_loop())
        for step in steps:
            if step is None:
                await asyncio.sleep(0)
            elif step == "close":
                transport.close()
            else:
                transport.write(step)
        assert not transport.is_closing()
        return line.pieces

    return asyncio.run(run())


def test_what_is_written_in_one_turn_leaves_in_one_piece() -> None:
    assert written(b"head", b"body", None) == [b"headbody"]


def test_nothing_waits_longer_than_a_turn() -> None:
    assert written(b"a", None, b"b", b"c", None, None) == [b"a", b"bc"]


def test_closing_comes_after_what_was_written_before() -> None:
    assert written(b"head", b"body", "close", None) == [b"headbody", b"<closed>"]
