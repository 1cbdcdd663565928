"""A worker that makes dead letters of everything stops, tries a few, and goes on once that is over."""

from orderflow.streaming.breaker import FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, Breaker


def test_it_bears_its_share_and_opens_past_it() -> None:
    breaker = Breaker(0.5)
    assert not breaker.count(100, 50, 0.0)
    assert breaker.seconds_left(0.0) == 0
    assert breaker.count(1, 1, 0.0)
    assert breaker.seconds_left(1.0) == FIRST_PAUSE_SECONDS - 1


def test_a_few_records_say_nothing_of_a_share() -> None:
    breaker = Breaker(0.5)
    assert not breaker.count(99, 99, 0.0)
    assert breaker.count(1, 1, 0.0)


def test_old_records_are_forgotten() -> None:
    breaker = Breaker(0.5)
    for _ in range(40):
        breaker.count(10, 0, 0.0)
    opened = [breaker.count(10, 10, 0.0) for _ in range(20)]
    assert opened.index(True) == 10, "more than a hundred of the last two hundred"


def test_probes_that_fail_double_the_pause_up_to_a_limit() -> None:
    breaker, now, pauses = Breaker(0.5), 0.0, list[float]()
    breaker.count(200, 200, now)
    for _ in range(8):
        pauses.append(breaker.seconds_left(now))
        now += breaker.seconds_left(now)
        assert breaker.probes
        assert not breaker.count(19, 19, now)
        assert breaker.count(1, 1, now)
    assert pauses == [5, 10, 20, 40, 80, 160, 300, LONGEST_PAUSE_SECONDS]


def test_probes_that_go_well_close_it_and_the_next_pause_is_the_first_again() -> None:
    breaker = Breaker(0.5)
    breaker.count(200, 200, 0.0)
    breaker.count(20, 20, 10.0)
    assert not breaker.count(20, 3, 100.0)
    assert not breaker.probes
    breaker.count(200, 200, 200.0)
    assert breaker.seconds_left(200.0) == FIRST_PAUSE_SECONDS


def test_who_bears_everything_never_opens() -> None:
    breaker = Breaker(1.0)
    assert not any(breaker.count(100, 100, 0.0) for _ in range(10))


def test_what_is_only_held_is_not_remembered() -> None:
    breaker = Breaker(0.5)
    for _ in range(1000):
        breaker.count(0, 0, 0.0)
    assert not breaker._recent, "an outage of hours must not fill the memory"
