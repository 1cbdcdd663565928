"""A schedule of failures is told by its seed alone, holds every kind of them, and ends in quiet."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from support import pipeline
from support.chaos.schedule import (
    AT_FIRST,
    BROKER,
    KINDS,
    SESSION_SECONDS,
    SHORTEST,
    Event,
    quiet_from,
    schedule,
)

seeds = st.integers(0, 2**32)
durations = st.floats(SHORTEST, 900)
sizes = st.integers(3, 8)


@given(seed=seeds, duration=durations)
def test_the_same_seed_gives_the_same_schedule(seed: int, duration: float) -> None:
    assert schedule(seed, duration) == schedule(seed, duration)


def test_another_seed_gives_another_schedule() -> None:
    assert len({schedule(seed, 60) for seed in range(50)}) == 50


@given(seed=seeds, duration=durations, most=sizes)
def test_events_come_in_order_and_are_over_before_the_quiet_time(
    seed: int, duration: float, most: int
) -> None:
    events = schedule(seed, duration, most=most)
    assert sorted(events, key=lambda event: event.at) == list(events)
    # Not `at + seconds`: what was taken off and is added again may be the last bit more.
    assert all(0 <= event.at <= quiet_from(duration) - event.seconds for event in events)
    assert quiet_from(duration) <= duration - 4


@given(seed=seeds, duration=durations)
def test_the_longer_the_run_the_more_goes_wrong(seed: int, duration: float) -> None:
    assert duration / 5 <= len(schedule(seed, duration)) <= duration / 2


@given(seed=seeds, duration=durations.filter(lambda seconds: seconds > 110))
def test_a_run_of_two_minutes_has_every_kind(seed: int, duration: float) -> None:
    assert {event.kind for event in schedule(seed, duration)} == set(KINDS)


@given(seed=seeds)
def test_the_shortest_run_lacks_only_the_orderly_restart_of_the_broker(seed: int) -> None:
    assert set(KINDS) - {event.kind for event in schedule(seed, SHORTEST)} == {"restart broker"}


@given(seed=seeds, duration=durations)
def test_the_broker_has_time_to_come_back(seed: int, duration: float) -> None:
    outages = [event.at for event in schedule(seed, duration) if event.kind in BROKER]
    assert all(later - earlier > 25 for earlier, later in pairwise(outages))
    assert quiet_from(duration) - outages[-1] > 9


def sizes_at(events: tuple[Event, ...]) -> list[tuple[Event, int]]:
    """Return each event with how many payment workers there should be when it comes."""
    found, replicas = list[tuple[Event, int]](), AT_FIRST
    for event in events:
        found.append((event, replicas))
        if event.kind == "scale payments":
            replicas = event.number
    return found


@given(seed=seeds, duration=durations, most=sizes)
def test_workers_come_and_go_between_one_and_the_most(seed: int, duration: float, most: int) -> None:
    scaled = [
        (before, event.number)
        for event, before in sizes_at(schedule(seed, duration, most=most))
        if event.kind == "scale payments"
    ]
    assert len(scaled) >= 2
    assert all(1 <= after <= most and after != before for before, after in scaled)
    assert max(after for _before, after in scaled) >= most - 1


@given(seed=seeds, duration=durations, most=sizes)
def test_a_worker_is_hit_while_it_should_run(seed: int, duration: float, most: int) -> None:
    aimed = [
        (int(event.target.removeprefix("payments-")), size)
        for event, size in sizes_at(schedule(seed, duration, most=most))
        if event.target.startswith("payments-")
    ]
    assert all(1 <= number <= size for number, size in aimed)


def test_a_freeze_lasts_longer_than_a_session() -> None:
    assert SESSION_SECONDS == pipeline.SESSION_SECONDS
    frozen = [event.seconds for event in schedule(1, 900) if event.kind == "freeze payments"]
    assert min(frozen) > SESSION_SECONDS


def test_an_event_reads_as_a_sentence() -> None:
    assert str(Event(3.0, "freeze payments", "payments-2", 8.25)) == "freeze payments payments-2 for 8.2 s"
    assert str(Event(3.0, "scale payments", number=8)) == "scale payments 8"
