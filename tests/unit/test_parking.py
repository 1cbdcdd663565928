"""Attempts that fail, crashes and takeovers: each record is finished once, and each line in its order."""

from collections import deque
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st
from support.builders import record

from orderflow.streaming.batches import Batch, Done, Partition, Record
from orderflow.streaming.parking import Handled, Held, Parking, Turn, line_of
from orderflow.streaming.service import Failure, TransientError
from orderflow_lag.committed import WINDOW, Committed

HERE, THERE = ("orders", 0), ("orders", 1)


def failed(attempts: int) -> Failure:
    return Failure("exhausted", TransientError("no answer"), attempts)


def orders(*keys: str, partition: Partition = HERE, first: int = 0) -> list[Record]:
    return [
        record(partition=partition, offset=first + n, key=key.encode() or None) for n, key in enumerate(keys)
    ]


def done(*records: Record) -> list[Done]:
    return [Done(each, ()) for each in records]


def offsets(records: list[Record]) -> list[int]:
    return [each.offset for each in records]


def at_once(_attempts: int) -> float:
    return 0.0


def test_a_key_waits_and_the_others_go_on() -> None:
    parking, (a0, b1, a2, b3, c4) = Parking(), orders("a", "b", "a", "b", "c")
    assert parking.settle(Handled(done(b1), [Held(a0, failed(1)), Held(a2, None)]), lambda _n: 10.0)
    assert offsets(parking.admit([b3, c4])) == [3, 4]
    parking.settle(Handled(done(b3, c4), []), at_once)
    assert parking.standings == {HERE: Committed(0, 1, 0b11010)}
    assert parking.due(9.9) == []
    assert parking.next_due == 10.0
    assert parking.due(10.0) == [Turn([a0, a2], 2)]
    parking.settle(Handled(done(a0, a2), []), at_once)
    assert parking.standings == {HERE: Committed(5)}
    parking.prune()
    assert (parking.standings, len(parking)) == ({}, 0)


def test_a_record_without_a_key_holds_nobody_back() -> None:
    parking, (first, second) = Parking(), orders("", "")
    parking.settle(Handled([], [Held(first, failed(1))]), at_once)
    assert parking.admit([second]) == [second]


def test_the_same_key_in_another_partition_is_another_line() -> None:
    parking, (here,), (there,) = Parking(), orders("a"), orders("a", partition=THERE)
    parking.settle(Handled([], [Held(here, failed(1))]), at_once)
    assert parking.admit([there]) == [there]


def test_only_an_attempt_at_the_first_unfinished_record_is_worth_a_commit() -> None:
    parking, (a0, b1) = Parking(), orders("a", "b")
    assert parking.settle(Handled([], [Held(a0, failed(1))]), lambda _n: 10.0)
    assert not parking.settle(Handled([], [Held(b1, failed(1))]), lambda _n: 10.0)


def test_attempts_go_on_where_the_last_owner_stopped() -> None:
    parking, (a0, b1, a2) = Parking(), orders("a", "b", "a")
    parking.restore(HERE, 0, Committed(0, 2, 0b10))
    assert parking.admit([a0, b1, a2]) == []
    assert parking.due(0) == [Turn([a0, a2], 3)]


def test_what_lies_too_far_past_an_unfinished_record_is_told() -> None:
    parking, (a0,) = Parking(), orders("a")
    near, far = orders("b", "b", first=WINDOW - 1)
    assert not parking.too_far(far), "nothing is unfinished"
    parking.settle(Handled([], [Held(a0, failed(1))]), at_once)
    assert not parking.too_far(near)
    assert parking.too_far(far)


def test_a_lost_partition_takes_its_lines_with_it() -> None:
    parking, (here,), (there,) = Parking(), orders("a"), orders("a", partition=THERE)
    parking.settle(Handled([], [Held(here, failed(1)), Held(there, failed(1))]), at_once)
    parking.lose({HERE})
    assert parking.standings.keys() == {THERE}
    assert parking.due(0) == [Turn([there], 2)]


@dataclass
class Broker:
    """A log, and what a group has committed of it: outputs and positions together, or neither."""

    log: list[Record]
    committed: dict[Partition, Committed] = field(default_factory=dict)
    outputs: list[Record] = field(default_factory=list)

    def commit(self, batch: Batch) -> None:
        for partition, at in batch.positions.items():
            # By way of what is really stored.
            self.committed[partition] = Committed.read(at.offset, at.metadata)
        self.outputs += [each.record for each in batch.done]

    def unread(self) -> dict[Partition, list[Record]]:
        unread: dict[Partition, list[Record]] = {}
        for each in self.log:
            if each.offset >= self.committed.get(each.partition, Committed(0)).offset:
                unread.setdefault(each.partition, []).append(each)
        return unread


class Owner:
    """One life of a worker."""

    def __init__(self, broker: Broker) -> None:
        self.broker, self.parking = broker, Parking()
        unread = broker.unread()
        self.waiting = deque(each for records in unread.values() for each in records)
        for partition, records in unread.items():
            at = broker.committed.get(partition)
            if at is not None:
                self.parking.restore(partition, records[0].offset, at)

    def batch(self, take: int, draw: st.DataObject) -> Batch:
        self.parking.prune()
        finished: list[Done] = []
        worth = False
        for turn in self.parking.due(0):
            worth |= self.attempt(turn, finished, draw)
        taken = [self.waiting.popleft() for _ in range(min(take, len(self.waiting)))]
        worth |= self.attempt(Turn(self.parking.admit(taken)), finished, draw)
        return Batch(finished, self.parking.standings, worth)

    def attempt(self, turn: Turn, finished: list[Done], draw: st.DataObject) -> bool:
        handled, held = list[Done](), list[Held]()
        attempt, blocked = turn.attempt, set()
        for each in turn.records:
            if line_of(each) in blocked:
                held.append(Held(each, None))
            elif attempt < 3 and draw.draw(st.integers(0, 3), label=f"fails {each.offset}") == 0:
                blocked.add(line_of(each))
                held.append(Held(each, failed(attempt)))
            else:
                handled.append(Done(each, ()))
            attempt = 1
        finished += handled
        return self.parking.settle(Handled(handled, held), at_once)


@st.composite
def logs(draw: st.DrawFn) -> list[Record]:
    """Records of two partitions and few keys, with gaps as markers leave."""
    next_offset, log = {HERE: 0, THERE: 0}, []
    for partition, key, gap in draw(
        st.lists(
            st.tuples(st.sampled_from([HERE, THERE]), st.sampled_from("abc-"), st.integers(0, 2)), max_size=25
        )
    ):
        offset = next_offset[partition] + gap
        next_offset[partition] = offset + 1
        log.append(record(partition=partition, offset=offset, key=None if key == "-" else key.encode()))
    return log


@given(logs(), st.data())
def test_whatever_fails_each_record_is_finished_once_and_each_line_in_order(
    log: list[Record], draw: st.DataObject
) -> None:
    broker = Broker(log)
    owner = Owner(broker)
    for _round in range(200):
        batch = owner.batch(draw.draw(st.integers(1, 8), label="takes"), draw)
        match draw.draw(st.sampled_from(["commit", "commit", "commit", "halves", "crash"]), label="then"):
            case "crash":
                owner = Owner(broker)
                continue
            case "halves":
                first, second = batch.halves()
                broker.commit(first)
                if draw.draw(st.booleans(), label="crash between the halves"):
                    owner = Owner(broker)
                    continue
                broker.commit(second)
            case _:
                # An end nobody is sure of: what the committed positions cover is not done again.
                assert not batch.outstanding(batch.positions, {HERE, THERE}).done
                assert batch.outstanding(broker.committed, {HERE, THERE}).done == batch.done
                broker.commit(batch)
        if not owner.waiting and not len(owner.parking):
            break
    assert sorted((each.partition, each.offset) for each in broker.outputs) == sorted(
        (each.partition, each.offset) for each in log
    ), "each exactly once"
    for line in {line_of(each) for each in log}:
        came = [each.offset for each in broker.outputs if line_of(each) == line]
        assert came == sorted(came), "in the order of the line"
    last = {each.partition: each.offset for each in log}
    assert {
        partition: at.offset > last[partition] for partition, at in broker.committed.items()
    } == dict.fromkeys(last, True)
