"""The benchmark's arithmetic: a wrong figure would be believed."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from bench.load import order_headers, order_value
from bench.report import ratio_rows, table_rows
from bench.results import Results, Run
from bench.stats import paired_ratios, percentile, spread
from orderflow.events import decode_order

AT = datetime(2026, 1, 1, tzinfo=UTC)


def results(*runs: Run) -> Results:
    return Results({}, {"rounds": 2}, list(runs))


def test_a_spread_is_minimum_median_and_maximum_whatever_the_order() -> None:
    found = spread([3.0, 1.0, 10.0])

    assert (found.low, found.median, found.high) == (1.0, 3.0, 10.0)


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        pytest.param(0.0, 10.0, id="none below is the smallest"),
        pytest.param(0.5, 25.0, id="the middle lies between two values"),
        pytest.param(1.0, 40.0, id="all below is the largest"),
    ],
)
def test_percentiles_are_interpolated(share: float, expected: float) -> None:
    assert percentile([10.0, 20.0, 30.0, 40.0], share) == expected


def test_ratios_pair_rounds_by_number_and_leave_out_what_either_lacks() -> None:
    assert paired_ratios({1: 10.0, 3: 30.0}, {1: 5.0, 2: 1.0, 3: 10.0}) == [2.0, 3.0]


def test_a_table_shows_what_was_measured_and_a_dash_for_what_was_not() -> None:
    measured = results(
        Run("latency", "orderflow", 1, {"p50_ms": 10.0, "p99_ms": 50.0}),
        Run("latency", "orderflow", 2, {"p50_ms": 30.0}),
    )

    [row] = table_rows(measured, "latency")

    assert row[:3] == ["orderflow", "10.0 / **20.0** / 30.0", "50.0 / **50.0** / 50.0"]
    assert row[-1] == "-"


def test_a_ratio_needs_both_sides() -> None:
    ours = Run("throughput", "orderflow", 1, {"orders_per_second": 60_000.0})
    quix = Run("throughput", "quix streams", 1, {"orders_per_second": 30_000.0})

    assert ratio_rows(results(ours)) == []
    assert [row[:2] for row in ratio_rows(results(ours, quix))] == [
        ["rate / Quix Streams", "2.00 / **2.00** / 2.00"]
    ]


def test_the_orders_of_the_benchmark_are_orders_of_the_contract() -> None:
    values = [order_value(number) for number in range(2_000)]
    orders = [decode_order(value, received_at=AT, unit_price=Decimal(1)) for value in values]

    assert len({order.order_id for order in orders}) == len(orders)
    assert 235 <= sum(map(len, values)) / len(values) <= 255
    assert [name for name, _ in order_headers(1)] == ["correlation_id", "timestamp", "source", "traceparent"]
