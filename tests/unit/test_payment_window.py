"""What is remembered of settled orders: the newest of each partition, each as it was, and no other."""

import tracemalloc
from collections import OrderedDict
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOON, an_order, orders

from orderflow.events import Order
from orderflow.payments.window import PAID, OrderIdConflict, Verdict, Window, digest_of, parse_digest

reasons = st.sampled_from([None, "no money", "no card"])
ids = st.integers(0, 12).map(str)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, 2), ids, reasons),
        st.tuples(st.just("find"), ids),
        st.tuples(st.just("forget"), ids),
        st.tuples(st.just("drop"), st.integers(0, 2)),
    ),
    max_size=60,
)


@given(st.integers(1, 4), steps)
def test_a_window_knows_the_newest_of_each_partition_and_nothing_else(
    size: int, steps: list[tuple[str, *tuple[object, ...]]]
) -> None:
    window = Window(size)
    expected: dict[int, OrderedDict[str, str | None]] = {number: OrderedDict() for number in range(3)}
    for step in steps:
        match step:
            case ("add", int(partition), str(order_id), str() | None as declined):
                window.add(partition, order_id, 7, declined)
                if not any(order_id in ring for ring in expected.values()):
                    expected[partition][order_id] = declined
                    if len(expected[partition]) > size:
                        expected[partition].popitem(last=False)
            case ("find", str(order_id)):
                settled = any(order_id in ring for ring in expected.values())
                assert (window.find(order_id, 7) is not None) == settled
            case ("forget", str(order_id)):
                window.forget(order_id)
                for ring in expected.values():
                    ring.pop(order_id, None)
            case ("drop", int(partition)):
                window.drop(partition)
                expected[partition].clear()
    known = {
        order_id: Verdict("DECLINED", declined) if declined else PAID
        for ring in expected.values()
        for order_id, declined in ring.items()
    }
    found = {str(number): window.find(str(number), 7) for number in range(13)}
    assert {order_id: verdict for order_id, verdict in found.items() if verdict} == known
    assert len(window) == len(known)
    assert {order_id for order_id in found if order_id in window} == known.keys()


def test_the_same_id_of_another_user_or_with_another_content_is_a_conflict() -> None:
    window, ours = Window(10), an_order()
    window.add(0, ours.order_id, digest_of(ours), None)
    for other in (an_order(user_id="u2"), an_order(amount="10.51")):
        with pytest.raises(OrderIdConflict, match="belongs to another order"):
            window.find(ours.order_id, digest_of(other))
    assert window.find(ours.order_id, digest_of(ours)) == PAID


def test_an_order_that_was_settled_without_a_digest_is_taken_for_the_same() -> None:
    window = Window(10)
    for number, value in enumerate((b"", b"no digest")):
        window.add(0, f"o{number}", parse_digest(value), None)
        assert window.find(f"o{number}", 7) == PAID


def test_what_is_past_the_window_is_new_again() -> None:
    window = Window(2)
    for order_id in ("o1", "o2", "o3"):
        window.add(0, order_id, 7, None)
    assert [window.find(order_id, 7) for order_id in ("o1", "o2", "o3")] == [None, PAID, PAID]


def test_more_reasons_than_there_is_room_for_are_left_out() -> None:
    window = Window(300)
    for number in range(300):
        window.add(0, f"o{number}", 7, f"reason {number}")
    found = [window.find(f"o{number}", 7) for number in range(300)]
    assert [verdict and verdict.status for verdict in found] == ["DECLINED"] * 300
    assert [verdict.reason for verdict in found if verdict and verdict.reason] == [
        f"reason {number}" for number in range(254)
    ]


def test_twelve_full_partitions_take_less_than_ten_megabytes() -> None:
    window = Window(20_000)
    tracemalloc.start()
    for partition in range(12):
        for number in range(20_500):
            window.add(partition, f"ORD-{partition}-{number}", 1 << 31 | number, None)
    size, _peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(window) == 240_000
    assert size < 10_000_000


@given(orders)
def test_the_digest_is_that_of_the_same_order_placed_at_another_time(order: Order) -> None:
    assert digest_of(msgspec.structs.replace(order, timestamp=NOON)) == digest_of(order)
    assert parse_digest(b"%08x" % digest_of(order)) == digest_of(order)


@pytest.mark.parametrize(
    "change",
    [{"user_id": "u2"}, {"amount": Decimal("10.51")}, {"items": 3}, {"item": "Pen"}],
    ids=["user", "amount", "items", "item"],
)
def test_every_part_of_an_order_counts(change: dict[str, object]) -> None:
    assert digest_of(msgspec.structs.replace(an_order(), **change)) != digest_of(an_order())
