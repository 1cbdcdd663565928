"""When being fenced is no accident any more."""

from orderflow.streaming.fencing import Fencings


def test_three_times_within_a_minute_is_a_fight() -> None:
    fencings = Fencings()
    assert [fencings.again(now) for now in (0.0, 30.0, 59.0)] == [False, False, True]


def test_what_is_a_minute_old_is_forgotten() -> None:
    fencings = Fencings()
    assert [fencings.again(now) for now in (0.0, 30.0, 61.0, 91.0)] == [False] * 4


def test_a_few_times_at_once_are_a_brokers_and_go_on_to_be_a_fight_if_they_do_not_end() -> None:
    fencings = Fencings()
    assert [fencings.again(now) for now in (0.0, 0.5, 2.0, 9.0, 10.0)] == [False, False, False, False, True]
