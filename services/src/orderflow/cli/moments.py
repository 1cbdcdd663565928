"""A moment in the past, as a person writes it. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
ALLOWED = "numbers with s, m, h or d (15m), and times (2026-11-22T13:00, in UTC)"


def moment(text: str, now: float) -> float:
    """Return the seconds since the epoch of a moment: so long before `now`, or a time; raise ValueError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text)
    if found:
        return now - float(found[1]) * _SECONDS[found[2]]
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
