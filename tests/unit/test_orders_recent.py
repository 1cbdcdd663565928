"""The orders a process answers for: those of the last minute, and not more than it was told to keep."""

from orderflow.orders.recent import KEPT_SECONDS, RecentOrders


def test_an_order_is_known_for_a_minute() -> None:
    recent = RecentOrders(10)
    recent.remember("o1", 100.0)
    assert recent.knows("o1", 100.0 + KEPT_SECONDS - 0.1)
    assert not recent.knows("o1", 100.0 + KEPT_SECONDS)
    assert not recent.knows("o2", 100.0)


def test_beyond_its_capacity_the_oldest_is_forgotten() -> None:
    recent = RecentOrders(2)
    for now, order_id in enumerate(["o1", "o2", "o1", "o3"]):
        recent.remember(order_id, float(now))
    assert [recent.knows(order_id, 3.0) for order_id in ("o1", "o2", "o3")] == [True, False, True]


def test_what_is_older_than_a_minute_takes_no_memory_for_long() -> None:
    recent = RecentOrders(1000)
    for number in range(100):
        recent.remember(f"o{number}", 0.0)
    recent.remember("new", KEPT_SECONDS)
    assert len(recent) == 1


def test_without_capacity_nothing_is_remembered() -> None:
    recent = RecentOrders(0)
    recent.remember("o1", 0.0)
    assert not recent.knows("o1", 0.0)
