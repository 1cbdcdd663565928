"""Offset arithmetic: what was not handled is not committed, what was committed is not handled again."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from support.builders import record

from orderflow.streaming.batches import Batch, Done, Partition, marker_positions, next_offsets
from orderflow_lag.committed import Committed

PARTITIONS: list[Partition] = [("orders", 0), ("orders", 1), ("replays", 0)]
partitions = st.sampled_from(PARTITIONS)
offsets = st.dictionaries(partitions, st.integers(0, 60))


@st.composite
def batches(draw: st.DrawFn) -> list[Done]:
    """Records of several partitions in turn, those of one partition in order, with gaps as markers leave."""
    following = dict.fromkeys(PARTITIONS, 0)
    batch = []
    for partition, gap in draw(st.lists(st.tuples(partitions, st.integers(0, 3)), max_size=30)):
        offset = following[partition] + gap
        following[partition] = offset + 1
        batch.append(Done(record(partition=partition, offset=offset), ()))
    return batch


def places(batch: Sequence[Done]) -> list[tuple[Partition, int]]:
    return [(done.record.partition, done.record.offset) for done in batch]


def test_the_next_offset_is_the_one_behind_the_last_record() -> None:
    batch = [
        Done(record(partition=partition, offset=offset), ())
        for partition, offset in [(PARTITIONS[0], 4), (PARTITIONS[1], 9), (PARTITIONS[0], 7)]
    ]
    assert next_offsets(batch) == {PARTITIONS[0]: 8, PARTITIONS[1]: 10}


@given(batches())
def test_next_offsets_cover_the_batch_exactly(batch: list[Done]) -> None:
    following = next_offsets(batch)
    assert following.keys() == {partition for partition, _ in places(batch)}
    for partition, offset in following.items():
        assert offset - 1 == max(number for each, number in places(batch) if each == partition)


def committed_up_to(offsets: dict[Partition, int]) -> dict[Partition, Committed]:
    return {partition: Committed(offset) for partition, offset in offsets.items()}


@given(batches(), offsets, st.sets(partitions))
def test_outstanding_is_what_is_owned_and_not_committed(
    done: list[Done], committed: dict[Partition, int], owned: set[Partition]
) -> None:
    left = places(Batch(done).outstanding(committed_up_to(committed), owned).done)
    assert left == [
        (partition, offset)
        for partition, offset in places(done)
        if partition in owned and not offset < committed.get(partition, 0)
    ]


@given(batches())
def test_nothing_is_outstanding_once_the_batch_is_committed(done: list[Done]) -> None:
    batch = Batch(done)
    assert not batch.outstanding(batch.positions, PARTITIONS)


@given(batches())
def test_everything_is_outstanding_where_nothing_was_ever_committed(done: list[Done]) -> None:
    assert Batch(done).outstanding({}, PARTITIONS).done == done


@given(batches(), st.data())
def test_a_batch_committed_in_two_parts_is_committed_once(done: list[Done], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(done)))
    first = Batch(done[:cut])
    assert Batch(done).outstanding(first.positions, PARTITIONS).done == done[cut:]


@given(batches())
def test_two_halves_are_the_whole_one_after_the_other(done: list[Done]) -> None:
    batch = Batch(done)
    first, second = batch.halves()
    assert [*first.done, *second.done] == done
    assert first.positions | second.positions == batch.positions


def test_an_attempt_to_be_counted_is_worth_a_commit_without_a_record_done() -> None:
    standings = {PARTITIONS[0]: Committed(4, 1)}
    assert not Batch((), standings)
    assert Batch((), standings, worth_committing=True)
    assert Batch((), standings, worth_committing=True).positions == standings


@given(offsets, offsets)
def test_markers_move_a_position_forward_only(
    ends: dict[Partition, int], committed: dict[Partition, int]
) -> None:
    positions = marker_positions(ends, committed)
    assert all(positions[each] == ends[each] > committed.get(each, 0) for each in positions)
    assert all(ends[each] <= committed.get(each, 0) for each in ends.keys() - positions.keys())


@given(offsets, offsets)
def test_once_its_markers_are_committed_an_idle_worker_commits_no_more(
    ends: dict[Partition, int], committed: dict[Partition, int]
) -> None:
    assert marker_positions(ends, committed | marker_positions(ends, committed)) == {}


def test_an_empty_partition_has_no_marker_to_pass() -> None:
    assert marker_positions({PARTITIONS[0]: 0}, {}) == {}
