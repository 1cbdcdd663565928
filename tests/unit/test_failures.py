"""What is told of failed attempts: all of them in figures, a readable number of them in the log."""

import logging

import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from orderflow.streaming.batches import Record
from orderflow.streaming.failures import Failures, Pace
from orderflow.streaming.service import Failure, TransientError

RECORD = Record(("orders", 3), 7, 0, b"alice", b'{"order_id":"ORD-1","user_id":"alice"}', None)


def test_the_first_of_each_second_are_early() -> None:
    pace = Pace(2)
    assert [pace.is_early(at) for at in (5.0, 5.1, 5.2, 5.9, 6.0, 6.1, 6.2, 8.0)] == [
        *(True, True, False, False),
        *(True, True, False),
        True,
    ]


def test_of_a_thousand_failures_a_few_are_logged_and_all_are_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    failures = Failures("payment-service", "payments")
    failed = Failure("exhausted", TransientError("no answer"), 1)

    def counted() -> float:
        labels = {"service": "payment-service", "kind": "exhausted"}
        return REGISTRY.get_sample_value("orderflow_failed_attempts_total", labels) or 0.0

    before = counted()
    with caplog.at_level(logging.INFO), capture_logs() as lines:
        for _ in range(1_000):
            failures.tell(RECORD, failed, final=False)
        told = len(lines)
        for _ in range(100):
            failures.tell(RECORD, failed, final=True)
    assert counted() == before + 1_000
    assert 20 <= told < 1_000
    assert [each["log_level"] for each in lines[told:]] == ["warning"] * 100
    assert lines[0]["order_id"] == "ORD-1"
