"""What a worker holds in memory: only of its own partitions, in the order it was read."""

from hypothesis import given
from hypothesis import strategies as st
from support.builders import record

from orderflow.streaming.assignment import Assignment
from orderflow.streaming.batches import Partition

MINE, THEIRS = ("orders", 0), ("orders", 1)
partitions = st.sampled_from([("orders", number) for number in range(4)])


def assigned(*owned: Partition) -> Assignment:
    assignment = Assignment()
    assignment.gain(owned)
    return assignment


def test_records_come_out_in_the_order_they_were_read() -> None:
    assignment = assigned(MINE, THEIRS)
    read = [record(partition=each, offset=n) for n, each in enumerate([MINE, THEIRS, MINE])]
    assignment.add(read[:2])
    assignment.add(read[2:])
    assert assignment.take(2) == read[:2]
    assert assignment.take(2) == read[2:]
    assert assignment.take(2) == []


def test_a_record_of_a_partition_lost_in_the_very_call_that_returned_it_is_dropped() -> None:
    assignment = assigned(MINE, THEIRS)
    assignment.lose([THEIRS])
    assignment.add([record(partition=THEIRS), record(partition=MINE)])
    assert assignment.take(10) == [record(partition=MINE)]


def test_a_lost_partition_takes_its_waiting_records_and_offsets_with_it() -> None:
    assignment = assigned(MINE, THEIRS)
    assignment.add([record(partition=THEIRS), record(partition=MINE)])
    assignment.reached({MINE: 5, THEIRS: 7})
    assignment.committed.update({MINE: 4, THEIRS: 6})
    assignment.lose([THEIRS])
    assert assignment.owned == {MINE}
    assert list(assignment.waiting) == [record(partition=MINE)]
    assert (assignment.ends, assignment.committed) == ({MINE: 5}, {MINE: 4})


def test_a_partition_that_comes_back_is_unknown_again() -> None:
    assignment = assigned(MINE)
    assignment.reached({MINE: 5})
    assignment.committed[MINE] = 5
    assignment.lose([MINE])
    assignment.gain([MINE])
    assert (assignment.owned, assignment.ends, assignment.committed) == ({MINE}, {}, {})


def test_the_end_of_somebody_elses_partition_is_not_noted() -> None:
    assignment = assigned(MINE)
    assignment.reached({MINE: 1, THEIRS: 2})
    assert assignment.ends == {MINE: 1}


def test_losing_what_was_never_owned_changes_nothing() -> None:
    assignment = assigned(MINE)
    assignment.lose([THEIRS])
    assert assignment.owned == {MINE}


changes = st.tuples(st.sampled_from(["gain", "lose"]), st.sets(partitions))
reads = st.tuples(st.just("read"), st.lists(partitions, max_size=5))


@given(st.lists(changes | reads))
def test_through_any_rebalances_it_holds_only_records_of_its_own_in_order(
    steps: list[tuple[str, list[Partition]]],
) -> None:
    assignment, offset = Assignment(), 0
    for step, affected in steps:
        if step == "read":
            assignment.add(record(partition=each, offset=offset + n) for n, each in enumerate(affected))
            assignment.reached(dict.fromkeys(affected, offset))
            offset += len(affected)
        elif step == "gain":
            assignment.gain(affected)
        else:
            assignment.lose(affected)
        held = [each.offset for each in assignment.waiting]
        assert held == sorted(held)
        assert {each.partition for each in assignment.waiting} | assignment.ends.keys() <= assignment.owned
    waiting = list(assignment.waiting)
    assert assignment.take(len(waiting) + 1) == waiting


def test_a_partition_that_went_and_came_back_is_not_held_any_more() -> None:
    assignment = assigned(MINE)
    assignment.hold()

    assignment.lose([MINE])
    assignment.gain([MINE])

    assert assignment.owned == {MINE}
    assert assignment.held == set(), "its records are read again: a batch in memory may not be redone"


def test_what_waits_apart_comes_back_first_and_is_not_nothing() -> None:
    assignment = assigned(MINE, THEIRS)
    read = [record(partition=each, offset=n) for n, each in enumerate([MINE, THEIRS, MINE])]
    assignment.add(read)
    assignment.set_apart(MINE)
    assert assignment.take(5) == [read[1]]
    assert not assignment.is_empty
    later = record(partition=MINE, offset=9)
    assignment.add([later])
    assignment.rejoin(MINE)
    assert assignment.take(5) == [read[0], read[2], later]
    assert assignment.is_empty


def test_a_partition_lost_takes_what_waits_apart_with_it() -> None:
    assignment = assigned(MINE)
    assignment.add([record(partition=MINE)])
    assignment.set_apart(MINE)
    assignment.lose([MINE])
    assert assignment.is_empty


def test_the_first_record_of_a_partition_tells_that_its_standing_must_be_looked_up() -> None:
    assignment = assigned(MINE, THEIRS)
    assignment.add([record(partition=MINE, offset=7), record(partition=MINE, offset=8)])
    assert assignment.first == {MINE: 7}
    assignment.looked_up([MINE])
    assignment.add([record(partition=MINE, offset=9)])
    assert (assignment.first, assignment.new) == ({}, {THEIRS})


def test_a_look_ahead_is_bounded_in_records_and_bytes_and_takes_nothing_away() -> None:
    assignment = assigned(MINE)
    assignment.add([record(b"12345", partition=MINE, offset=number) for number in range(4)])
    assert [each.offset for each in assignment.peek(3, 100)] == [0, 1, 2]
    assert [each.offset for each in assignment.peek(3, 10)] == [0, 1]
    assert [each.offset for each in assignment.peek(3, 1)] == [0]
    assert len(assignment.waiting) == 4


def test_what_was_read_of_a_partition_that_is_read_from_elsewhere_is_forgotten() -> None:
    assignment = assigned(MINE, THEIRS)
    assignment.add([record(partition=MINE), record(partition=THEIRS)])
    assignment.reached({MINE: 5, THEIRS: 7})
    assignment.drop({MINE})
    assert assignment.take(10) == [record(partition=THEIRS)]
    assert assignment.ends == {THEIRS: 7}
