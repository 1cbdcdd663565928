"""Text of others, made safe to show: pure."""

from __future__ import annotations


def printable(text: str, kept: str = "") -> str:
    """Return `text` with its control characters spelled out, so that no screen or mail program obeys them.

    `kept` are characters that stay as they are.
    """
    return "".join(char if char.isprintable() or char in kept else repr(char)[1:-1] for char in text)
