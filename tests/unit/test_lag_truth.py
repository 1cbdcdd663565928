"""The truth table of lag: every cell by name, then what holds for any offsets."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    LogRange,
    Observation,
    Reset,
    Subscription,
    Tail,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.truth import LagReason, PartitionLag, group_lag, partition_lag, small_tails

P0 = TopicPartition("orders", 0)
P1 = TopicPartition("orders", 1)
OTHER = TopicPartition("payments", 0)
OFFSETS = st.integers(min_value=0, max_value=10_000)


def log(start: int, end: int, high_watermark: int | None = None) -> LogRange:
    return LogRange(start, end, end if high_watermark is None else high_watermark)


def subscription(
    reset: Reset = Reset.EARLIEST,
    baseline: dict[TopicPartition, int] | None = None,
    known: dict[TopicPartition, int] | None = None,
) -> Subscription:
    return Subscription("payment-service", frozenset({"orders"}), reset, baseline or {}, known or {})


def observation(
    logs: dict[TopicPartition, LogRange | Unreadable],
    committed: dict[TopicPartition, int] | None = None,
    counted: dict[Tail, int] | None = None,
) -> Observation:
    group = GroupObservation("payment-service", GroupState.EMPTY, (), committed or {})
    partitions: dict[str, int | Unreadable] = {"orders": len(logs)}
    return Observation(0.0, {"payment-service": group}, partitions, logs, counted or {})


@pytest.mark.parametrize(
    ("committed", "found", "records", "reason"),
    [
        pytest.param(90, log(0, 100), 10, LagReason.BEHIND, id="a commit inside the log counts from it"),
        pytest.param(100, log(0, 100), 0, LagReason.CAUGHT_UP, id="a commit at the end is no lag"),
        pytest.param(5, log(40, 100), 60, LagReason.TRUNCATED, id="deleted records are not lag"),
        pytest.param(5, log(100, 100), 0, LagReason.TRUNCATED, id="an all deleted log is no lag"),
        pytest.param(500, log(0, 3), 3, LagReason.RECREATED, id="a recreated topic is all new"),
        pytest.param(500, log(0, 0), 0, LagReason.RECREATED, id="a recreated empty topic is no lag"),
        pytest.param(0, log(0, 0), 0, LagReason.CAUGHT_UP, id="a commit on an empty partition is no lag"),
        pytest.param(
            95, log(0, 90, 120), 0, LagReason.CAUGHT_UP, id="a commit inside an open transaction is no lag"
        ),
        pytest.param(
            90, log(0, 100, 900), 10, LagReason.BEHIND, id="the records of an open transaction are not lag"
        ),
    ],
)
@pytest.mark.parametrize("reset", list(Reset))
def test_with_a_commit_the_reset_does_not_matter(
    reset: Reset, committed: int, found: LogRange, records: int, reason: LagReason
) -> None:
    lag = partition_lag(P0, found, committed, subscription(reset, baseline={P0: 1}))
    assert (lag.records, lag.reason) == (records, reason)


@pytest.mark.parametrize(
    ("who", "found", "records", "reason"),
    [
        pytest.param(subscription(), log(0, 70), 70, LagReason.NEVER_COMMITTED, id="earliest: everything"),
        pytest.param(
            subscription(), log(30, 70), 40, LagReason.NEVER_COMMITTED, id="earliest: everything retained"
        ),
        pytest.param(subscription(), log(30, 30), 0, LagReason.EMPTY, id="earliest: nothing retained"),
        pytest.param(
            subscription(known={P0: 60}), log(0, 70), 70, LagReason.EXPIRED, id="earliest, expired: again"
        ),
        pytest.param(
            subscription(Reset.LATEST), log(0, 70), 0, LagReason.NEVER_COMMITTED, id="latest: from the end"
        ),
        pytest.param(subscription(Reset.LATEST), log(7, 7), 0, LagReason.EMPTY, id="latest: nothing there"),
        pytest.param(
            subscription(Reset.LATEST, baseline={P0: 50}),
            log(0, 70),
            20,
            LagReason.NEVER_COMMITTED,
            id="latest: since the baseline",
        ),
        pytest.param(
            subscription(Reset.LATEST, baseline={P0: 50}),
            log(60, 70),
            10,
            LagReason.NEVER_COMMITTED,
            id="latest: since the baseline, as far as retained",
        ),
        pytest.param(
            subscription(Reset.LATEST, baseline={P0: 500}),
            log(0, 70),
            70,
            LagReason.NEVER_COMMITTED,
            id="latest: a baseline past the log is of an older topic",
        ),
        pytest.param(
            subscription(Reset.LATEST, baseline={P1: 50}),
            log(0, 70),
            70,
            LagReason.NEVER_COMMITTED,
            id="latest: a partition younger than the baseline is all new",
        ),
        pytest.param(
            subscription(Reset.LATEST, baseline={OTHER: 50}),
            log(0, 70),
            0,
            LagReason.NEVER_COMMITTED,
            id="latest: another topic's baseline says nothing",
        ),
        pytest.param(
            subscription(Reset.LATEST, baseline={P0: 1}, known={P0: 60}),
            log(0, 70),
            10,
            LagReason.EXPIRED,
            id="latest, expired: since the last known commit",
        ),
    ],
)
def test_without_a_commit(who: Subscription, found: LogRange, records: int, reason: LagReason) -> None:
    lag = partition_lag(P0, found, None, who)
    assert (lag.records, lag.reason) == (records, reason)


@pytest.mark.parametrize(
    ("who", "records"),
    [
        pytest.param(subscription(), 8, id="earliest: all of it"),
        pytest.param(subscription(Reset.LATEST), 0, id="latest: from the end"),
        pytest.param(subscription(Reset.LATEST, baseline={P0: 3}), 8, id="latest with a baseline: all of it"),
    ],
)
def test_a_partition_added_next_to_committed_ones(who: Subscription, records: int) -> None:
    lag = group_lag(observation({P0: log(0, 10), P1: log(0, 8)}, {P0: 10}), who)
    assert [one.reason for one in lag.partitions] == [LagReason.CAUGHT_UP, LagReason.PARTITION_ADDED]
    assert lag.total == records


def test_an_unreadable_partition_is_unknown_and_so_is_the_total() -> None:
    seen = observation({P0: log(0, 10), P1: Unreadable("no leader")}, {P0: 4, P1: 0})
    lag = group_lag(seen, subscription())
    assert lag.total is None
    assert lag.known == 6
    assert lag.unknown == (P1,)
    assert lag.partitions[1].detail == "no leader"


def test_an_unreadable_group_has_no_total() -> None:
    seen = Observation(0.0, {"payment-service": Unreadable("no coordinator")}, {}, {})
    lag = group_lag(seen, subscription())
    assert lag.total is None
    assert [str(problem) for problem in lag.problems] == ["no coordinator"]


def test_a_missing_topic_has_no_total_and_leaves_the_others_alone() -> None:
    group = GroupObservation("payment-service", GroupState.EMPTY, (), {P0: 1})
    gone = Unreadable("there is no such topic")
    seen = Observation(0.0, {"payment-service": group}, {"orders": 1, "payments": gone}, {P0: log(0, 3)})
    lag = group_lag(seen, Subscription("payment-service", frozenset({"orders", "payments"})))
    assert lag.total is None
    assert lag.of_topic("orders").total == 2
    assert lag.of_topic("payments").total is None


def test_without_topics_the_group_says_which_are_its() -> None:
    group = GroupObservation("payment-service", GroupState.EMPTY, (), {P0: 1, TopicPartition("gone", 0): 5})
    seen = Observation(0.0, {"payment-service": group}, {"orders": 1}, {P0: log(0, 3)})
    assert group_lag(seen, Subscription("payment-service")).total == 2


def test_a_tail_of_markers_is_no_lag() -> None:
    seen = observation({P0: log(0, 10)}, {P0: 9}, {Tail("orders", 0, 9, 10): 0})
    (lag,) = group_lag(seen, subscription()).partitions
    assert (lag.records, lag.reason) == (0, LagReason.ONLY_MARKERS)


def test_a_counted_tail_counts_its_records_only() -> None:
    seen = observation({P0: log(0, 10)}, {P0: 6}, {Tail("orders", 0, 6, 10): 2})
    (lag,) = group_lag(seen, subscription()).partitions
    assert (lag.records, lag.reason) == (2, LagReason.BEHIND)


def test_a_count_of_another_tail_is_not_used() -> None:
    seen = observation({P0: log(0, 11)}, {P0: 9}, {Tail("orders", 0, 9, 10): 0})
    assert group_lag(seen, subscription()).total == 2


def test_only_small_tails_are_worth_reading() -> None:
    seen = observation({P0: log(0, 10), P1: log(0, 500)}, {P0: 8, P1: 8})
    assert small_tails([group_lag(seen, subscription())], limit=100) == {Tail("orders", 0, 8, 10)}


@st.composite
def partition_lags(draw: st.DrawFn) -> PartitionLag:
    start, length, pending = draw(OFFSETS), draw(OFFSETS), draw(st.integers(0, 50))
    found = LogRange(start, start + length, start + length + pending)
    who = subscription(
        draw(st.sampled_from(Reset)),
        draw(st.dictionaries(st.sampled_from([P0, P1]), OFFSETS)),
        draw(st.dictionaries(st.just(P0), OFFSETS)),
    )
    committed = draw(st.none() | OFFSETS)
    return partition_lag(P0, found, committed, who, siblings_committed=draw(st.booleans()))


@given(partition_lags())
def test_lag_is_never_negative_and_never_counts_what_is_not_retained(lag: PartitionLag) -> None:
    assert lag.log is not None
    assert lag.records is not None
    assert lag.position is not None
    assert 0 <= lag.records <= lag.log.end - lag.log.start
    assert lag.position >= lag.log.start
    assert (lag.tail is None) == (lag.records == 0)


@given(start=OFFSETS, length=OFFSETS, first=OFFSETS, step=OFFSETS)
def test_reading_on_never_raises_the_lag(start: int, length: int, first: int, step: int) -> None:
    found, who = log(start, start + length), subscription()
    later = min(first + step, found.end)
    before = partition_lag(P0, found, min(first, later), who).records
    after = partition_lag(P0, found, later, who).records
    assert before is not None
    assert after is not None
    assert after <= before


@given(committed=st.none() | OFFSETS, start=OFFSETS, length=OFFSETS, more=OFFSETS)
def test_new_records_never_lower_the_lag(committed: int | None, start: int, length: int, more: int) -> None:
    end = max(start + length, committed or 0)  # the log reaches at least as far as the group has read
    before = partition_lag(P0, log(start, end), committed, subscription()).records
    after = partition_lag(P0, log(start, end + more), committed, subscription()).records
    assert before is not None
    assert after is not None
    assert after - before == more
