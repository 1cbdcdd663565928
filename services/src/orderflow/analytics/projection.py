"""What facts change in the tables: rows to write, and differences to the sums. Pure.

A sum is the sum over the present rows. A row that replaces another one takes back what that contributed and
adds its own, as Kafka's KTables do; so no order of arrival and no repetition makes a difference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orderflow.analytics.facts import Facts, Key, Row, is_newer

_MINUTE_MS = 60_000


@dataclass(slots=True)
class Old:
    """The rows of a batch's keys as they are in the tables, where there are any."""

    statuses: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    payments: Mapping[Key, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """Rows to insert or to replace by their keys, order ids whose status goes, and what to add to sums."""

    statuses: list[Row]
    taken_back: list[str]
    payments: list[Row]
    status_counts: list[Row]
    payment_totals: list[Row]
    payment_minutes: list[Row]


def changes(facts: Facts, old: Old) -> Changes:
    """Return what facts change, given the rows they touch."""
    statuses = [row for row in facts.statuses.values() if _counts(row, old.statuses.get(row["order_id"]))]
    payments = [row for key, row in facts.payments.items() if _counts(row, old.payments.get(key))]
    return Changes(
        statuses=[row for row in statuses if row["status"] is not None],
        taken_back=[row["order_id"] for row in statuses if row["status"] is None],
        payments=payments,
        status_counts=_status_counts(statuses, old),
        payment_totals=_payment_sums(payments, old, by_minute=False),
        payment_minutes=_payment_sums(payments, old, by_minute=True),
    )


def _counts(row: Row, before: Mapping[str, Any] | None) -> bool:
    return before is None or is_newer(row, before)


def _status_counts(rows: list[Row], old: Old) -> list[Row]:
    """Return differences, all in the shard of the partition that brings the change."""
    counts = Counter[tuple[int, str]]()
    for row in rows:
        before = old.statuses.get(row["order_id"])
        if before is not None:
            counts[row["partition"], before["status"]] -= 1
        if row["status"] is not None:
            counts[row["partition"], row["status"]] += 1
    return [
        {"partition": partition, "status": status, "count": count}
        for (partition, status), count in sorted(counts.items())
        if count
    ]


def _payment_sums(rows: list[Row], old: Old, *, by_minute: bool) -> list[Row]:
    counts, sums = Counter[tuple[int, int, str]](), Counter[tuple[int, int, str]]()
    for row in rows:
        before = old.payments.get((row["order_id"], row["user_id"]))
        for one, sign in ((before, -1), (row, 1)):
            if one is not None:
                minute = one["at_ms"] // _MINUTE_MS if by_minute else 0
                counts[minute, row["partition"], one["status"]] += sign
                sums[minute, row["partition"], one["status"]] += sign * one["amount_cents"]
    return [
        {
            **({"minute": minute} if by_minute else {}),
            "partition": partition,
            "status": status,
            "count": counts[minute, partition, status],
            "sum_cents": sum_cents,
        }
        for (minute, partition, status), sum_cents in sorted(sums.items())
        if sum_cents or counts[minute, partition, status]
    ]
