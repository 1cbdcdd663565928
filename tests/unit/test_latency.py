"""Latency is counted by the batch, and adds up as if every record had been observed for itself."""

from bisect import bisect_left
from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.streaming.latency import BOUNDS_MS, Latencies

NOW = 1_800_000_000_000
_ages = st.lists(st.one_of(st.integers(-5_000, 4_000_000), st.sampled_from(BOUNDS_MS)), max_size=50)


def samples(latencies: Latencies, service: str = "s") -> dict[str, float]:
    """Return the value of each bucket by its bound, of the sum and of the count."""
    (family,) = latencies.collect()
    of_service = [each for each in family.samples if each.labels["service"] == service]
    return {
        each.labels.get("le") or each.name.removeprefix(f"{family.name}_"): each.value for each in of_service
    }


@given(st.lists(_ages, max_size=4))
def test_it_is_as_if_each_record_had_been_observed(batches: list[list[int]]) -> None:
    latencies = Latencies()
    for ages in batches:
        latencies.observe("s", [NOW - age for age in ages], NOW)
    expected = [0] * (len(BOUNDS_MS) + 1)
    counted = [max(0, age) for ages in batches for age in ages]
    for age in counted:
        expected[bisect_left(BOUNDS_MS, age)] += 1
    if batches:
        found = samples(latencies)
        bounds = [*(str(bound / 1000) for bound in BOUNDS_MS), "+Inf"]
        assert [found[bound] for bound in bounds] == list(accumulate(expected))
        assert found["count"] == len(counted)
        assert found["sum"] == pytest.approx(sum(counted) / 1000)


def test_a_record_of_a_clock_ahead_counts_as_new() -> None:
    latencies = Latencies()
    latencies.observe("s", [NOW + 60_000, NOW - 2_000], NOW)
    assert (samples(latencies)["0.01"], samples(latencies)["sum"]) == (1, 2.0)


def test_services_are_counted_apart() -> None:
    latencies = Latencies()
    latencies.observe("one", [NOW - 1], NOW)
    latencies.observe("other", [NOW - 1, NOW - 1], NOW)
    assert [samples(latencies, name)["count"] for name in ("one", "other")] == [1, 2]


@given(_ages, st.integers(1, 40))
def test_a_record_may_stand_for_others_of_its_age(ages: list[int], each: int) -> None:
    one_by_one, together = Latencies(), Latencies()
    one_by_one.observe("s", [NOW - age for age in ages for _ in range(each)], NOW)
    together.observe("s", [NOW - age for age in ages], NOW, each=each)
    assert samples(together) == samples(one_by_one)
