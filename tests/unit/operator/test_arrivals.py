"""End offsets to rates: steady means, steps and bursts told apart."""

import random
from collections.abc import Iterable

import pytest

from orderflow_operator.rates.arrivals import with_arrivals
from orderflow_operator.rates.memory import Memory, PartitionMemory

START = 1e9


def watched(counts: Iterable[int], partitions: int = 4, poll: float = 5.0) -> Memory:
    """The memory after polls between which so many records arrived, spread evenly."""
    memory, total = Memory(), 0
    for n, count in enumerate([0, *counts]):
        total += count
        at = START + n * poll
        rows = tuple(
            PartitionMemory("orders", p, at, (total + p) // partitions, 0, 0, None, None, at, 0)
            for p in range(partitions)
        )
        learned, rows = with_arrivals(memory, rows, at, complete=True)
        memory = Memory(marks=learned.marks, suspect=learned.suspect, partitions=rows, sampled_at=at)
    return memory


def arrival(memory: Memory) -> float:
    return sum(row.arrival for row in memory.partitions)


def surge(memory: Memory) -> float:
    return sum(row.surge for row in memory.partitions)


def test_one_poll_says_nothing_and_two_say_the_rate() -> None:
    assert arrival(watched([])) == 0
    assert arrival(watched([250])) == pytest.approx(50)


def test_a_poll_that_disagrees_is_suspect_and_does_not_yet_count() -> None:
    memory = watched([250] * 10 + [2500])
    assert memory.suspect
    assert (arrival(memory), surge(memory)) == pytest.approx((50, 500), rel=0.02)


def test_a_step_counts_in_full_at_the_second_poll() -> None:
    memory = watched([250] * 10 + [2500, 2500])
    assert not memory.suspect
    assert arrival(memory) == pytest.approx(500, rel=0.02)


def test_a_step_in_the_middle_of_a_poll_counts_in_full_at_the_second_poll() -> None:
    memory = watched([250] * 10 + [1300, 2500])
    assert not memory.suspect
    assert arrival(memory) == pytest.approx(500, rel=0.02)


def test_a_burst_never_counts_as_a_rate() -> None:
    seen = [arrival(watched([250] * 10 + [20_000] + [250] * after)) for after in range(8)]
    assert seen == pytest.approx([50] * 8, rel=0.05)


def test_a_burst_that_ends_in_the_next_poll_does_not_count_either() -> None:
    seen = [arrival(watched([250] * 10 + [20_000, 8_000] + [250] * after)) for after in range(8)]
    assert max(seen) == pytest.approx(50, rel=0.1)


def test_ups_and_downs_are_believed_after_a_few_polls() -> None:
    """Nothing stays suspect for long, or a real change could be waited out for ever."""
    flags = [watched([250] * 5 + [2500, 250, 5000, 100, 4000, 900, 80][: n + 1]).suspect for n in range(7)]
    assert not all(flags[1:])
    longest = max(len(run) for run in "".join("s" if one else "." for one in flags).split("."))
    assert longest <= 2


def test_noise_is_not_a_step() -> None:
    dice = random.Random(7)
    counts = [sum(dice.random() < 0.05 for _ in range(5000)) for _ in range(150)]
    suspects = sum(watched(counts[:n]).suspect for n in range(2, 150))
    assert suspects == 0
    assert arrival(watched(counts)) == pytest.approx(50, rel=0.08)


def test_the_rates_of_partitions_follow_their_counts_more_the_more_there_are() -> None:
    memory = Memory()
    for n in range(13):
        rows = tuple(
            PartitionMemory(
                "orders", p, START + 5 * n, n * (900 if p == 0 else 10), 0, 0, None, None, START, 0
            )
            for p in range(11)
        )
        learned, rows = with_arrivals(memory, rows, START + 5 * n, complete=True)
        memory = Memory(marks=learned.marks, partitions=rows, sampled_at=START + 5 * n)
    assert memory.partitions[0].arrival == pytest.approx(180, rel=0.02)
    assert memory.partitions[1].arrival == pytest.approx(2, rel=0.1)


def test_an_added_partition_and_a_recreated_topic_begin_anew_without_forgetting_the_rest() -> None:
    memory = watched([250] * 10)
    more = (*memory.partitions, PartitionMemory("orders", 4, START + 55, 5, 0, 5, None, None, START + 55, 5))
    learned, rows = with_arrivals(memory, more, START + 55, complete=True)
    assert len(learned.marks) == 1
    assert sum(row.arrival for row in rows) == pytest.approx(50)


def test_the_window_is_a_minute_and_keeps_few_marks() -> None:
    memory = watched([250] * 100)
    assert memory.marks[-1].at - memory.marks[0].at <= 70
    assert len(memory.marks) <= 9


def test_a_restart_knows_the_rate_at_its_first_poll() -> None:
    memory = watched([250] * 10)
    memory = Memory(partitions=memory.partitions, sampled_at=memory.sampled_at)
    at = START + 50 + 40
    rows = tuple(
        PartitionMemory("orders", row.partition, at, row.end + 500, 0, 0, None, None, at, 0)
        for row in memory.partitions
    )
    _, rows = with_arrivals(memory, rows, at, complete=True)
    assert sum(row.arrival for row in rows) == pytest.approx(50)
