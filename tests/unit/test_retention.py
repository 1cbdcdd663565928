"""What an old log can still prove: orders older than what is left of payments are not judged."""

from orderflow.verify.retention import MARGIN, cut_logs, judged_from, whole
from orderflow_lag.observation import LogRange, Observation, Tail, TopicPartition

NOW = 1_000_000.0


def seen(
    starts: dict[tuple[str, int], int], *, partitions: dict[str, int] | None = None, end: int = 100
) -> Observation:
    counts = {"orders": 2, "payments": 2, "notifications": 2} | (partitions or {})
    logs = {
        TopicPartition(f"x.{topic}", number): LogRange(starts.get((topic, number), 0), end, end)
        for topic, count in counts.items()
        for number in range(count)
    }
    return Observation(NOW, {}, {f"x.{topic}": count for topic, count in counts.items()}, dict(logs))


def test_a_log_from_its_first_record_on_is_judged_from_the_beginning() -> None:
    untouched = seen({})
    assert list(cut_logs(untouched, "x.")) == []
    assert judged_from(untouched, {}, "x.") == {0: 0.0, 1: 0.0}
    assert whole(untouched, "x.")


def test_a_cut_partition_is_judged_from_what_is_left_of_it() -> None:
    cut = seen({("payments", 1): 40, ("notifications", 1): 70})
    tails = list(cut_logs(cut, "x."))
    assert tails == [Tail("x.payments", 1, 40, 100), Tail("x.notifications", 1, 70, 100)]
    written = {tails[0]: 500.0, tails[1]: 900.0}
    assert judged_from(cut, written, "x.") == {0: 0.0, 1: 900.0 + MARGIN}
    assert not whole(cut, "x.")


def test_a_partition_of_which_nothing_is_left_judges_nothing_before_now() -> None:
    assert judged_from(seen({("payments", 0): 100}), {}, "x.") == {0: NOW + MARGIN, 1: 0.0}


def test_topics_of_different_sizes_are_judged_from_the_latest_beginning() -> None:
    cut = seen({("notifications", 3): 40}, partitions={"notifications": 4})
    assert judged_from(cut, {Tail("x.notifications", 3, 40, 100): 500.0}, "x.") == dict.fromkeys(
        (0, 1), 500.0 + MARGIN
    )


def test_cut_orders_take_the_causes_away_but_are_all_judged() -> None:
    cut = seen({("orders", 0): 40})
    assert not whole(cut, "x.")
    assert judged_from(cut, {}, "x.") == {0: 0.0, 1: 0.0}
