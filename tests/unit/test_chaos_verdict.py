"""A run passes only if what was promised, what the log holds and what became of it are one sum."""

from dataclasses import replace

import pytest
from support.chaos.verdict import Evidence, violations

from orderflow.verify.report import Report

GOOD = Report(accepted=100, paid=70, declined=20, rejected=6, failed=4, dead_lettered=10)
SEEN = Evidence(promised=92, foreign=2, poison=6)


def test_a_good_run_passes() -> None:
    assert violations(GOOD, SEEN) == []


def test_an_order_nobody_answered_for_may_or_may_not_be_there() -> None:
    assert violations(GOOD, replace(SEEN, promised=91, unanswered=1)) == []
    assert violations(GOOD, replace(SEEN, unanswered=1)) == []


@pytest.mark.parametrize(
    ("report", "seen", "said"),
    [
        (replace(GOOD, duplicated=2), SEEN, "2 duplicated"),
        (replace(GOOD, out_of_order=1), SEEN, "1 out of order"),
        (replace(GOOD, contradictory=1), SEEN, "1 contradictory"),
        (replace(GOOD, lost=1), SEEN, "1 lost"),
        (replace(GOOD, paid=69), SEEN, "100 orders have 99 outcomes"),
        (replace(GOOD, paid=69, in_flight=1), SEEN, "1 orders are in flight"),
        (GOOD, replace(SEEN, promised=93), "the log holds 100 orders, but 101 were accepted or written"),
        (GOOD, replace(SEEN, promised=91), "the log holds 100 orders, but 99 were accepted or written"),
        (replace(GOOD, paid=69, rejected=7), SEEN, "7 orders were rejected, but 6 were"),
        (GOOD, replace(SEEN, behind="lag 3"), "the workers did not get through the log: lag 3"),
        (GOOD, replace(SEEN, complaints=("an order was answered 500",)), "an order was answered 500"),
    ],
)
def test_a_broken_promise_is_named(report: Report, seen: Evidence, said: str) -> None:
    (found,) = violations(report, seen)
    assert found.startswith(said)
