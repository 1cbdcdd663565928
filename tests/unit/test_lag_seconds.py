"""Lag in seconds: an interpolation that says when it does not know."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_lag.seconds import HISTORY_LIMIT, LagSeconds, OffsetHistory, lag_seconds, longest

STEPS = st.lists(
    st.tuples(st.integers(0, 1000), st.floats(0.01, 60.0, allow_nan=False)), min_size=1, max_size=400
)


def history(*samples: tuple[int, float]) -> OffsetHistory:
    seen = OffsetHistory()
    for end, at in samples:
        seen = seen.sampled(end, at)
    return seen


def test_no_lag_is_zero_seconds_even_without_any_sample() -> None:
    assert lag_seconds(OffsetHistory(), position=5, end=5, now=100.0) == LagSeconds(0.0)


def test_lag_without_any_sample_is_incomplete() -> None:
    assert lag_seconds(OffsetHistory(), position=4, end=5, now=100.0).incomplete


def test_the_age_is_interpolated_between_the_two_samples_around_the_record() -> None:
    seen = history((0, 0.0), (100, 10.0), (300, 20.0))
    assert lag_seconds(seen, position=50, end=300, now=25.0) == LagSeconds(20.0)
    assert lag_seconds(seen, position=200, end=300, now=25.0) == LagSeconds(10.0)


def test_an_idle_hour_is_not_an_hour_of_lag() -> None:
    seen = history((100, 0.0), (100, 1800.0), (100, 3600.0), (101, 3601.0))
    assert lag_seconds(seen, position=100, end=101, now=3602.0) == LagSeconds(2.0)


def test_a_stuck_group_grows_older_without_a_cap() -> None:
    seen = history((0, 0.0), (1, 1.0), (1, 1e6))
    assert lag_seconds(seen, position=0, end=1, now=1e6).seconds == 1e6


def test_a_commit_older_than_the_history_is_at_least_as_old_as_the_history() -> None:
    seen = history((1000, 50.0), (1100, 60.0))
    assert lag_seconds(seen, position=3, end=1100, now=80.0) == LagSeconds(30.0, incomplete=True)


def test_records_newer_than_the_last_sample_are_no_older_than_it() -> None:
    seen = history((10, 50.0), (20, 60.0))
    assert lag_seconds(seen, position=22, end=30, now=63.0) == LagSeconds(3.0)


def test_a_recreated_topic_starts_a_new_history() -> None:
    seen = history((1000, 0.0), (2000, 10.0), (5, 20.0))
    assert seen == history((5, 20.0))
    assert lag_seconds(seen, position=0, end=5, now=30.0).incomplete


def test_a_clock_set_back_never_makes_negative_seconds() -> None:
    seen = history((0, 100.0), (10, 50.0))
    assert lag_seconds(seen, position=0, end=10, now=40.0) == LagSeconds(0.0)


def test_a_clock_set_back_does_not_reorder_the_samples() -> None:
    seen = history((0, 100.0), (10, 50.0), (20, 110.0))
    assert [plateau.first_at for plateau in seen.plateaus] == [100.0, 100.0, 110.0]


def test_a_long_history_is_thinned_and_still_reaches_back_to_its_start() -> None:
    seen = history(*((number * number, float(number)) for number in range(2000)))
    assert len(seen.plateaus) <= HISTORY_LIMIT
    assert seen.plateaus[0].first_at == 0.0
    half = 1000 * 1000
    assert lag_seconds(seen, half, 1999 * 1999, now=2000.0).seconds == pytest.approx(1000.0, abs=20.0)


def test_the_group_is_as_late_as_its_latest_partition() -> None:
    assert longest([LagSeconds(3.0), LagSeconds(7.0), LagSeconds(1.0, incomplete=True)]) == LagSeconds(
        7.0, True
    )
    assert longest([]) == LagSeconds(0.0)


def test_thinning_keeps_the_end_of_an_idle_time() -> None:
    steady = [(n, float(n)) for n in range(60)]
    idle = [(60, 60.0), (60, 5000.0), (500, 5010.0)]
    later = [(500 + n, 5010.0 + n) for n in range(1, 200)]
    seen = history(*steady, *idle, *later)
    assert lag_seconds(seen, position=60, end=800, now=6000.0).seconds == pytest.approx(1000.0, abs=60.0)


@given(steps=STEPS, share=st.floats(0, 1), wait=st.floats(0, 1000))
def test_seconds_are_finite_and_between_zero_and_the_age_of_the_history(
    steps: list[tuple[int, float]], share: float, wait: float
) -> None:
    seen, end, now = OffsetHistory(), 0, 0.0
    for records, pause in steps:
        end, now = end + records, now + pause
        seen = seen.sampled(end, now)
    first = seen.plateaus[0].first_at
    lag = lag_seconds(seen, int(end * share), end, now + wait)
    assert math.isfinite(lag.seconds)
    assert 0 <= lag.seconds <= now + wait - first + 1e-6
    assert len(seen.plateaus) <= 128


@given(steps=STEPS, one=st.floats(0, 1), two=st.floats(0, 1))
def test_a_group_that_read_further_is_never_later(
    steps: list[tuple[int, float]], one: float, two: float
) -> None:
    seen, end, now = OffsetHistory(), 0, 0.0
    for records, pause in steps:
        end, now = end + records, now + pause
        seen = seen.sampled(end, now)
    behind, ahead = sorted((int(end * one), int(end * two)))
    assert lag_seconds(seen, ahead, end, now).seconds <= lag_seconds(seen, behind, end, now).seconds + 1e-6


@given(rate=st.integers(1, 500), polls=st.integers(2, 500), lag=st.floats(0, 1))
def test_at_a_steady_rate_the_error_is_at_most_one_poll(rate: int, polls: int, lag: float) -> None:
    seen = history(*((rate * poll, float(poll)) for poll in range(polls)))
    end, now = rate * (polls - 1), float(polls - 1)
    position = int(end * lag)
    truth = now - position / rate
    assert lag_seconds(seen, position, end, now).seconds == pytest.approx(truth, abs=1.0)
