"""The room between the event loop and the lanes: who is let in, who leaves with whom."""

import asyncio
import threading
import time

from orderflow.streaming.waiting_room import Company, Stage, Waiting, WaitingRoom


def filled(count: int, capacity: int = 100) -> tuple[WaitingRoom, list[Waiting]]:
    room = WaitingRoom(capacity)
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


def test_the_first_one_waits_for_expected_company_and_leaves_when_it_is_complete() -> None:
    room, (first,) = filled(1)
    second = one_more()
    groups: list[list[Waiting]] = []
    lane = threading.Thread(target=lambda: groups.append(room.take(10, 60, Company(2, patience=60))))
    lane.start()
    room.enter(second)
    room.wake()
    lane.join(10)
    assert groups == [[first, second]]


def test_company_that_does_not_come_is_not_waited_for_any_longer() -> None:
    room, everyone = filled(1)
    started = time.monotonic()
    assert room.take(10, 60, Company(2, patience=0.01)) == everyone
    assert time.monotonic() - started < 10
