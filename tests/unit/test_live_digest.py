"""What becomes of records on their way to a browser: all are counted, some are shown."""

import json
from typing import Any

from orderflow.orders.live.digest import SHOWN_A_SECOND, Digest, encode, is_due
from orderflow.orders.live.latency import CHARGED, PLACED, TOLD, WINDOW_SECONDS, Latencies, quantile
from orderflow.streaming.batches import Headers, Record

NOW = 1_800_000_000.0
MS = int(NOW * 1000)


def heard(
    topic: str, value: dict[str, Any] | bytes, at: int = 0, offset: int = 7, headers: Headers | None = None
) -> Record:
    """Return a record written `at` ms after now."""
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return Record((f"t.{topic}", 3), offset, MS + at, None, content, headers)


def order(order_id: str, at: int = 0) -> Record:
    return heard("orders", {"order_id": order_id, "user_id": "u1", "amount": 10.5, "items": 2}, at)


def payment(order_id: str, status: str = "SUCCESS", at: int = 0) -> Record:
    return heard("payments", {"order_id": order_id, "user_id": "u1", "status": status}, at)


def tick_of(*records: Record, followed: tuple[str, ...] = ()) -> dict[str, Any]:
    digest = Digest("t.", NOW)
    for record in records:
        digest.take(record, NOW, followed)
    return digest.cut(NOW + 0.25)


def test_every_record_is_counted_and_payments_by_their_result() -> None:
    tick = tick_of(
        order("o1"),
        heard("order-status", {"order_id": "o1", "status": "PENDING"}),
        payment("o1"),
        payment("o2", "FAILED"),
        heard("notifications", {"order_id": "o1", "user_id": "u1", "status": "SUCCESS", "message": "Paid."}),
    )
    assert tick["counts"] == {
        "orders": 1,
        "order-status": 1,
        "payments": 2,
        "paid": 1,
        "declined": 1,
        "notifications": 1,
    }
    assert tick["seconds"] == 0.25


def test_a_cut_begins_anew() -> None:
    digest = Digest("", NOW)
    digest.take(Record(("orders", 0), 0, MS, None, b'{"order_id":"o1"}', None), NOW)
    assert digest.has_news
    digest.cut(NOW + 1)
    assert not digest.has_news
    assert digest.cut(NOW + 2)["counts"] == {}


def test_of_many_orders_some_are_shown_and_the_others_counted() -> None:
    tick = tick_of(*(order(f"o{number}") for number in range(1000)))
    assert len(tick["records"]) == SHOWN_A_SECOND
    assert (tick["left_out"], tick["counts"]["orders"]) == (1000 - SHOWN_A_SECOND, 1000)


def test_a_shown_order_is_shown_with_all_that_follows() -> None:
    digest = Digest("t.", NOW)
    for number in range(100):
        digest.take(order(f"o{number}"), NOW)
    shown = [each["order_id"] for each in digest.cut(NOW + 0.2)["records"]]
    for number in range(100):
        digest.take(payment(f"o{number}"), NOW)
    assert [each["order_id"] for each in digest.cut(NOW + 0.4)["records"]] == shown


def test_a_followed_order_is_never_left_out() -> None:
    many = [order(f"o{number}") for number in range(100)]
    tick = tick_of(*many, order("WEB-1-1"), payment("WEB-1-1"), followed=("WEB-1-",))
    assert [each["topic"] for each in tick["records"] if each["order_id"] == "WEB-1-1"] == [
        "orders",
        "payments",
    ]


def test_there_is_room_for_new_orders_every_second() -> None:
    digest = Digest("t.", NOW)
    for second in range(3):
        for number in range(100):
            digest.take(order(f"o{second}-{number}"), NOW + second)
        assert len(digest.cut(NOW + second + 1)["records"]) == SHOWN_A_SECOND


def test_a_dead_letter_is_shown_with_its_reason() -> None:
    headers: Headers = [
        ("dlq.topic", b"orders"),
        ("dlq.partition", b"4"),
        ("dlq.offset", b"17"),
        ("dlq.error.class", b"InvalidEvent"),
        ("dlq.error.message", "$.amount: muß größer sein".encode()),
        ("dlq.attempts", b"1"),
    ]
    tick = tick_of(heard("failed-orders", {"order_id": "o9", "amount": -1}, headers=headers))
    (letter,) = tick["records"]
    assert letter["topic"] == "failed-orders"
    assert letter["order_id"] == "o9"
    assert letter["error"] == "InvalidEvent"
    assert letter["why"] == "$.amount: muß größer sein"
    assert letter["source"] == "orders[4]@17"
    assert tick["counts"] == {"failed-orders": 1}


def test_a_dead_letter_from_before_is_shown_and_not_counted() -> None:
    tick = tick_of(heard("failed-orders", {"order_id": "o9"}, at=-60_000))
    assert len(tick["records"]) == 1
    assert tick["counts"] == {}


def test_what_cannot_be_read_is_counted_and_a_dead_letter_of_it_shown() -> None:
    tick = tick_of(heard("orders", b"\xff\x00{"), heard("failed-orders", b"\xff\x00{"))
    assert tick["counts"] == {"orders": 1, "failed-orders": 1}
    assert [each["topic"] for each in tick["records"]] == ["failed-orders"]


def test_long_texts_are_cut_and_a_tick_is_json_on_one_line() -> None:
    headers: Headers = [("dlq.error.message", b"line\r\n" * 1000)]
    text = encode(tick_of(heard("failed-orders", {"order_id": "x" * 10_000}, headers=headers)))
    assert "\n" not in text
    assert "\r" not in text
    assert len(text) < 2_000


def test_a_tick_is_due_soon_after_something_happened_else_once_a_second() -> None:
    digest = Digest("t.", NOW)
    assert not is_due(digest, NOW, NOW + 0.5)
    assert is_due(digest, NOW, NOW + 1.0)
    digest.take(order("o1"), NOW)
    assert not is_due(digest, NOW, NOW + 0.1)
    assert is_due(digest, NOW, NOW + 0.2)


def test_latency_is_measured_from_the_order_whatever_is_read_first() -> None:
    tick = tick_of(payment("o1", at=80), order("o1"), order("o2", at=10), payment("o2", at=30))
    assert tick["latency"]["charged"] == {"p50": 80, "p99": 80, "count": 2}
    assert "notified" not in tick["latency"]


def test_latency_forgets_what_is_older_than_its_window() -> None:
    latencies = Latencies()
    latencies.note("o1", PLACED, MS, NOW)
    latencies.note("o1", TOLD, MS + 120, NOW)
    assert latencies.told(NOW)["notified"]["p50"] == 120
    assert latencies.told(NOW + WINDOW_SECONDS + 1) == {}


def test_an_outcome_that_is_told_again_is_not_measured_again() -> None:
    latencies = Latencies()
    for at in (50, 9_000):
        latencies.note("o1", PLACED, MS, NOW)
        latencies.note("o1", CHARGED, MS + at, NOW)
    assert latencies.told(NOW)["charged"] == {"p50": 50, "p99": 50, "count": 1}


def test_latency_of_more_orders_than_can_be_remembered_is_that_of_a_part_of_them() -> None:
    latencies = Latencies(most_orders=100)
    for number in range(10_000):
        latencies.note(f"o{number}", PLACED, MS, NOW)
    for number in range(10_000):
        latencies.note(f"o{number}", CHARGED, MS + 40, NOW)
    found = latencies.told(NOW)["charged"]
    assert found["p50"] == 40
    assert 0 < found["count"] <= 100


def test_orders_that_get_no_further_take_no_room_from_later_ones() -> None:
    latencies = Latencies(most_orders=100)
    for number in range(100):
        latencies.note(f"dead{number}", PLACED, MS, NOW)
    for number in range(100):
        latencies.note(f"o{number}", PLACED, MS, NOW + 120)
        latencies.note(f"o{number}", CHARGED, MS + 5, NOW + 120)
    assert latencies.told(NOW + 120)["charged"]["count"] == 100


def test_quantiles_are_values_that_were_seen() -> None:
    hundred = list(range(1, 101))
    assert (quantile(hundred, 0.5), quantile(hundred, 0.99), quantile([7], 0.99)) == (51, 100, 7)
