"""The room between the event loop and the lanes: who is let in, who leaves with whom."""

import asyncio
import threading
import time
from collections.abc import Callable

import pytest

from orderflow.streaming.waiting_room import Stage, Waiting, WaitingRoom


def filled(count: int, capacity: int = 100, longest_wait: float = 60) -> tuple[WaitingRoom, list[Waiting]]:
    room = WaitingRoom(capacity, longest_wait)
    loop = asyncio.new_event_loop()
    everyone = [Waiting((), asyncio.Future(loop=loop)) for _ in range(count)]
    loop.close()
    for each in everyone:
        assert room.enter(each)
    return room, everyone


def one_more() -> Waiting:
    return filled(1)[1][0]


def test_whoever_waits_leaves_together_in_the_order_of_arrival() -> None:
    room, everyone = filled(3)
    assert room.take(10, 0) == everyone
    assert {each.stage for each in everyone} == {Stage.SENT}
    assert room.take(10, 0) == []


def test_a_group_has_its_limit() -> None:
    room, everyone = filled(5)
    assert [room.take(2, 0), room.take(2, 0), room.take(2, 0)] == [everyone[:2], everyone[2:4], everyone[4:]]


def test_a_full_room_lets_nobody_in() -> None:
    room, everyone = filled(2, capacity=2)
    assert not room.enter(one_more())
    assert room.take(10, 0) == everyone
    assert room.enter(one_more())


def test_who_left_before_a_transaction_is_in_none_and_makes_room() -> None:
    room, (first, second) = filled(2, capacity=2)
    assert room.leave(first) is Stage.WAITING
    assert room.enter(one_more())
    assert second in room.take(10, 0)
    assert first.stage is Stage.GONE


def test_who_left_later_is_told_that_a_transaction_had_begun() -> None:
    room, (first,) = filled(1)
    room.take(10, 0)
    assert room.leave(first) is Stage.SENT


def test_a_group_that_is_put_back_goes_first_without_those_who_have_gone() -> None:
    room, (first, second) = filled(2)
    group = room.take(10, 0)
    later = one_more()
    room.enter(later)
    room.leave(first)
    room.put_back(group)
    assert room.take(10, 0) == [second, later]


def test_who_must_be_alone_shares_with_nobody() -> None:
    room, (first, second, third) = filled(3)
    second.alone = True
    assert [room.take(10, 0) for _ in range(3)] == [[first], [second], [third]]


def test_a_closed_room_lets_out_who_is_inside_and_nobody_in() -> None:
    room, everyone = filled(1)
    room.close()
    assert not room.enter(one_more())
    assert room.take(10, 60) == everyone
    assert room.take(10, 60) == []


def taken_meanwhile(room: WaitingRoom, change: Callable[[], object]) -> list[Waiting]:
    """Return whom a lane takes that began to wait before `change`, and had every reason to."""
    groups: list[list[Waiting]] = []
    lane = threading.Thread(target=lambda: groups.append(room.take(10, 60)), daemon=True)
    lane.start()
    lane.join(0.05)
    assert groups == []
    change()
    lane.join(10)
    return groups[0]


def joined_by(room: WaitingRoom, later: list[Waiting]) -> None:
    for each in later:
        assert room.enter(each)
    room.wake()


def committed_before(room: WaitingRoom, size: int, seconds: float) -> None:
    group = room.take(size, 0)
    assert len(group) == size
    room.done(group, seconds)


def test_the_first_one_waits_for_as_many_as_came_before_and_leaves_when_they_are_complete() -> None:
    room, (*_, first) = filled(3)
    committed_before(room, 2, seconds=240)
    second = one_more()
    assert taken_meanwhile(room, lambda: joined_by(room, [second])) == [first, second]


def test_company_that_does_not_come_is_not_waited_for_any_longer() -> None:
    room, everyone = filled(3)
    committed_before(room, 2, seconds=0.01)
    started = time.monotonic()
    assert room.take(10, 60) == everyone[2:]
    assert time.monotonic() - started < 10


def test_a_transaction_that_met_trouble_does_not_make_the_next_one_wait() -> None:
    room, everyone = filled(3, longest_wait=0.01)
    committed_before(room, 2, seconds=240)
    started = time.monotonic()
    assert room.take(10, 60) == everyone[2:]
    assert time.monotonic() - started < 10


def four_under_way(*, usual_seconds: float) -> tuple[WaitingRoom, list[Waiting], Waiting]:
    """Return a room, a group of four that was taken from it, and the one who came after them."""
    room, everyone = filled(6)
    committed_before(room, 1, usual_seconds)
    return room, room.take(4, 0), everyone[5]


def test_few_do_not_begin_beside_many_who_are_under_way_but_half_as_many_do() -> None:
    room, _, first = four_under_way(usual_seconds=240)
    second = one_more()
    assert taken_meanwhile(room, lambda: joined_by(room, [second])) == [first, second]


@pytest.mark.parametrize("seconds", [0.01, None], ids=["committed", "failed"])
def test_few_leave_when_nobody_is_under_way_any_more(seconds: float | None) -> None:
    room, group, first = four_under_way(usual_seconds=240)
    assert taken_meanwhile(room, lambda: room.done(group, seconds)) == [first]


def test_few_leave_when_a_group_takes_longer_than_groups_do() -> None:
    room, _, first = four_under_way(usual_seconds=0.01)
    started = time.monotonic()
    assert room.take(10, 60) == [first]
    assert time.monotonic() - started < 10


def test_few_leave_when_the_room_is_closed() -> None:
    room, _, first = four_under_way(usual_seconds=240)
    assert taken_meanwhile(room, room.close) == [first]
