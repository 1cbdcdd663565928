"""Examples of answers, for the OpenAPI document. Pure."""

from __future__ import annotations

from typing import Any

Example = Any

ORDER: Example = {
    "order_id": "ORD-6ff1d5e0-8f3c-5d0c-9a5e-2b1f1c9a7d10",
    "status": "PAID",
    "as_of": "2026-11-22T20:15:04.120000Z",
    "user_id": "u-17",
    "amount": 19.99,
    "items": 2,
    "item": None,
    "placed_at": "2026-11-22T20:15:03.981000Z",
    "reason": None,
    "history": [
        {"status": "PENDING", "at": "2026-11-22T20:15:03.981000Z", "reason": None},
        {"status": "PAID", "at": "2026-11-22T20:15:04.010000Z", "reason": None},
    ],
    "payment": {
        "payment_id": "PAY-7f0c",
        "status": "SUCCESS",
        "amount": 19.99,
        "attempts": 1,
        "at": "2026-11-22T20:15:04.010000Z",
        "reason": None,
    },
    "notification": {
        "status": "SUCCESS",
        "message": "Your order was paid.",
        "type": "EMAIL",
        "at": "2026-11-22T20:15:04.031000Z",
    },
}

NOTIFICATIONS: Example = [
    {
        "order_id": "ORD-6ff1d5e0-8f3c-5d0c-9a5e-2b1f1c9a7d10",
        "user_id": "u-17",
        "status": "SUCCESS",
        "message": "Your order was paid.",
        "type": "EMAIL",
        "at": "2026-11-22T20:15:04.031000Z",
    }
]

STATISTICS: Example = {
    "payments": {"SUCCESS": {"count": 167, "sum": 16532.45}, "FAILED": {"count": 35, "sum": 3611.2}},
    "success_rate": 0.8267,
    "orders": {"PENDING": 0, "PAID": 167, "DECLINED": 35, "REJECTED": 0, "FAILED": 0},
    "per_minute": [
        {
            "minute": "2026-11-22T20:15:00Z",
            "payments": {"SUCCESS": {"count": 12, "sum": 1180.1}, "FAILED": {"count": 3, "sum": 305.0}},
        }
    ],
    "as_of": [
        {
            "topic": "payments",
            "partition": 0,
            "next": 1207,
            "end": 1208,
            "behind": 0,
            "unreadable": 0,
            "at": "2026-11-22T20:15:04.120000Z",
        }
    ],
    "behind": 0,
    "complete": True,
}

LAG: Example = {
    "as_of": "2026-11-22T20:15:04.120Z",
    "age_seconds": 0.412,
    "stale": False,
    "reason": None,
    "groups": [
        {
            "group": "payment-service",
            "state": "Stable",
            "lag": 3,
            "problems": [],
            "topics": ["orders"],
            "members": [
                {
                    "client_id": "payments-0",
                    "member_id": "q8Y0x2C4TJmXyVdF3w6qSA",
                    "host": "127.0.0.1",
                    "assignment": [["orders", 0]],
                }
            ],
            "seconds": 0.731,
            "incomplete": False,
            "partitions": [
                {
                    "topic": "orders",
                    "partition": 0,
                    "committed": 1204,
                    "start": 0,
                    "end": 1207,
                    "lag": 3,
                    "seconds": 0.731,
                    "incomplete": False,
                    "owner": "payments-0",
                    "reason": "behind",
                }
            ],
        }
    ],
}
