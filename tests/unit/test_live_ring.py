"""The ring of ticks: who reads slowly loses the oldest and is told so, who comes back goes on."""

from orderflow.orders.live.ring import Next, Ring


def ring_of(count: int, capacity: int = 3) -> Ring:
    ring = Ring("e1", capacity)
    for number in range(count):
        ring.append(f"tick {number}")
    return ring


def test_a_reader_gets_tick_after_tick_and_then_nothing() -> None:
    ring = ring_of(2)
    assert [ring.next(0), ring.next(1), ring.next(2)] == [
        Next(0, "tick 0"),
        Next(1, "tick 1"),
        Next(2, None),
    ]


def test_who_is_too_slow_loses_the_oldest_and_is_told_how_many() -> None:
    ring = ring_of(10)
    assert ring.next(2) == Next(7, "tick 7", lost=5)
    assert ring.next(8) == Next(8, "tick 8", lost=0)


def test_a_slow_reader_holds_nothing_back() -> None:
    ring = ring_of(3)
    ring.next(0)
    for number in range(3, 1000):
        ring.append(f"tick {number}")
    assert ring.next(999).text == "tick 999"
    assert ring.next(0).lost == 997


def test_who_comes_back_goes_on_behind_the_last_tick_it_saw() -> None:
    ring = ring_of(3)
    place = ring.place_after(ring.id_of(1))
    assert (place, ring.next(place).text, ring.resumes("e1-1")) == (2, "tick 2", True)


def test_who_comes_back_after_the_ring_moved_on_is_told_what_it_lost() -> None:
    ring = ring_of(10)
    assert ring.next(ring.place_after("e1-1")) == Next(7, "tick 7", lost=5)


def test_an_id_of_another_ring_or_none_begins_with_the_oldest() -> None:
    ring = ring_of(10)
    for stranger in (None, "", "e2-9", "e1-x", "e1-", "e1--1", "9", "e1-" + "9" * 400, "e1-²"):
        assert ring.place_after(stranger) == 7, stranger
    assert not ring.resumes("e2-9")
    assert not ring.resumes(None)


def test_an_id_ahead_of_the_ring_waits_for_the_next_tick() -> None:
    ring = ring_of(2)
    assert ring.next(ring.place_after("e1-999")) == Next(2, None)
