"""What the simulated gateway was asked, and what it charged: a file that outlives every worker.

Several processes share it, and one that is killed at any moment leaves it whole.
"""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
  idempotency_key TEXT PRIMARY KEY,
  payment_id TEXT NOT NULL,
  amount TEXT NOT NULL,
  charged INTEGER NOT NULL,
  calls INTEGER NOT NULL
) WITHOUT ROWID
"""
_COUNT = """
INSERT INTO calls VALUES (?, ?, ?, ?, 1)
ON CONFLICT (idempotency_key) DO UPDATE SET calls = calls + 1
"""
_WAIT_SECONDS = 30.0


class GatewayLedger:
    """One row for each idempotency key: what it led to the first time, and how often it was sent."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.Lock()
        # Every statement is a transaction of its own: a call counts once it has returned.
        self._rows = sqlite3.connect(
            file, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._rows.execute("PRAGMA journal_mode=WAL")
        # In the operating system's hands a row outlives the process; it need not outlive the machine.
        self._rows.execute("PRAGMA synchronous=OFF")
        self._rows.execute(_SCHEMA)

    def count(self, idempotency_key: str, payment_id: str, amount: str, *, charged: bool) -> None:
        """Take down a call; only the first one with a key moves money."""
        with self._lock:
            self._rows.execute(_COUNT, (idempotency_key, payment_id, amount, charged))

    def close(self) -> None:
        self._rows.close()
