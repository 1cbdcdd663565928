"""Where arrivals are heading: known only where it is more than noise."""

import math
import random
from collections.abc import Callable

import pytest

from orderflow_operator.rates.forecast import growth, with_total
from orderflow_operator.rates.memory import Memory

WINDOW = 120.0


def after(rate: Callable[[float], float], until: float, *, noise: random.Random | None = None) -> float:
    """The growth seen at `until`, after polls every five seconds for 200 s."""
    memory, total = Memory(), 0.0
    for n in range(41):
        at = until - 200 + 5 * n
        count = 5 * rate(at)
        total += count + (noise.gauss(0, math.sqrt(max(count, 1e-9))) if noise else 0.0)
        memory = with_total(memory, int(total), at, WINDOW)
    return growth(memory.totals, WINDOW)


def test_a_constant_rate_does_not_grow() -> None:
    assert after(lambda at: 300.0, 1000) == 1.0


def test_a_falling_rate_does_not_grow() -> None:
    assert after(lambda at: 1000.0 - at / 2, 1000) == 1.0


def test_a_rising_rate_goes_on_rising_for_a_window() -> None:
    assert after(lambda at: 100.0 + at - 1000, 1100) == pytest.approx(320 / 195, rel=0.1)


@pytest.mark.parametrize("period", [450, 600, 900])
def test_past_the_bottom_of_a_wave_its_rise_is_foreseen(period: int) -> None:
    bottom = period * 0.75 + 10 * period
    wave = after(lambda at: 400 + 300 * math.sin(2 * math.pi * at / period), bottom + 60)
    true = 400 + 300 * math.sin(2 * math.pi * (bottom + 60 + WINDOW) / period)
    now = 400 + 300 * math.sin(2 * math.pi * (bottom + 60) / period)
    assert wave >= min(4.0, true / now) * 0.9


def test_noise_is_rarely_taken_for_growth() -> None:
    dice = random.Random(3)
    seen = [after(lambda at: 40.0, 1000, noise=dice) for _ in range(300)]
    assert sum(one > 1.0 for one in seen) <= 30


def test_a_burst_long_ago_is_no_growth() -> None:
    assert after(lambda at: 4000.0 if 895 < at <= 900 else 50.0, 1000) == 1.0


def test_few_polls_say_nothing_and_marks_stay_few() -> None:
    memory = Memory()
    for n in range(400):
        memory = with_total(memory, n * n, 5.0 * n, WINDOW)
        if n < 6:
            assert growth(memory.totals, WINDOW) == 1.0
    assert len(memory.totals) <= 14


def test_a_recreated_topic_begins_anew() -> None:
    memory = with_total(with_total(Memory(), 9_000, 0.0, WINDOW), 5, 5.0, WINDOW)
    assert [one.total for one in memory.totals] == [5]
