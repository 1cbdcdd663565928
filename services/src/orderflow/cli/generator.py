"""Orders to send: made up, or read from a file. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

import msgspec

ITEMS = ("book", "coffee", "headphones", "keyboard", "lamp", "mug", "pen", "phone", "tea", "umbrella")


@dataclass(frozen=True, slots=True)
class Draft:
    """One order as it is sent: its JSON, its number from 1, and a key that makes sending it again safe."""

    number: int
    body: bytes
    key: str


def made_up(count: int, *, users: int, seed: int) -> Iterator[Draft]:
    """Yield `count` orders of `users` users, every fourth in the short form; the same for the same seed."""
    chance = random.Random(seed)
    for number in range(1, count + 1):
        order: dict[str, object] = {"user_id": f"user-{chance.randrange(users) + 1}"}
        pieces = chance.randint(1, 5)
        if number % 4:
            order |= {"amount": f"{chance.randint(100, 50_000) / 100:.2f}", "items": pieces}
        else:
            order |= {"item": chance.choice(ITEMS), "quantity": pieces}
        yield Draft(number, msgspec.json.encode(order), str(UUID(int=chance.getrandbits(128), version=4)))


def from_lines(lines: Iterable[bytes], *, seed: int) -> Iterator[Draft]:
    """Yield one order for each line that is not blank, numbered as the lines are."""
    chance = random.Random(seed)
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield Draft(number, line.strip(), str(UUID(int=chance.getrandbits(128), version=4)))


def paced(drafts: Iterable[Draft], rate: float | None, *, start: float) -> Iterator[tuple[Draft, float]]:
    """Yield each draft with the second at which it is due: at `rate` a second, or all at the start."""
    for turn, draft in enumerate(drafts):
        yield draft, start + turn / rate if rate else start
