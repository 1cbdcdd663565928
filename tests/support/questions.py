"""What the tables tell: of an order, of notifications, of payments. The same tests for each database:
who imports them has a fixture `tables`, empty at the beginning of each."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from support.filled_tables import NOON, NOON_MS, FilledTables

from orderflow.tables import schema
from orderflow.tables.answers import OrderState, Payments, SentNotification, Statistics
from orderflow.tables.paging import Place
from orderflow.tables.queries import End, Ends, find_order, newest_notifications, statistics

LATER = NOON + timedelta(hours=1)


def order(tables: FilledTables, order_id: str = "o-1") -> OrderState | None:
    with tables.reading() as connection:
        return find_order(connection, order_id, LATER)[0]


def counted(tables: FilledTables, ends: Ends | None = None) -> Statistics:
    with tables.reading() as connection:
        return statistics(connection, NOON, ends)


def paid(tables: FilledTables) -> FilledTables:
    """An order on its whole way."""
    tables.add(schema.offsets, {"next": 1})
    tables.add(schema.orders, {"order_id": "o-1", "item": "tea"})
    tables.add(schema.order_status, {"order_id": "o-1", "status": "PAID", "at_ms": NOON_MS + 20, "offset": 1})
    tables.add(
        schema.order_history,
        {"order_id": "o-1", "status": "PENDING"},
        {"order_id": "o-1", "status": "PAID", "at_ms": NOON_MS + 20, "offset": 1},
    )
    tables.add(schema.payments, {"order_id": "o-1", "at_ms": NOON_MS + 20})
    return tables.add(schema.notifications, {"order_id": "o-1", "at_ms": NOON_MS + 30})


def test_an_order_is_told_with_its_way_its_payment_and_its_notification(tables: FilledTables) -> None:
    found = order(paid(tables))
    assert found is not None
    assert (found.status, found.user_id, found.amount) == ("PAID", "u-1", Decimal("19.99"))
    assert (found.items, found.item, found.placed_at, found.as_of) == (2, "tea", NOON, NOON)
    assert [(change.status, change.at - NOON) for change in found.history] == [
        ("PENDING", timedelta(0)),
        ("PAID", timedelta(milliseconds=20)),
    ]
    assert found.payment is not None
    assert (found.payment.status, found.payment.amount) == ("SUCCESS", Decimal("19.99"))
    assert found.notification is not None
    assert (found.notification.message, found.notification.type) == ("Paid.", "EMAIL")


def test_an_order_nobody_told_of_is_unknown_as_of_the_newest_record(tables: FilledTables) -> None:
    with paid(tables).reading() as connection:
        assert find_order(connection, "o-2", LATER) == (None, NOON)


def test_empty_tables_are_as_of_now(tables: FilledTables) -> None:
    with tables.reading() as connection:
        assert find_order(connection, "o-1", LATER) == (None, LATER)


def test_an_order_without_a_status_yet_is_pending(tables: FilledTables) -> None:
    found = order(tables.add(schema.orders, {"order_id": "o-1"}))
    assert found is not None
    assert (found.status, found.history, found.payment) == ("PENDING", [], None)


def test_a_payment_is_an_outcome_also_before_its_status_is_read(tables: FilledTables) -> None:
    tables.add(schema.order_status, {"order_id": "o-1", "status": "PENDING"})
    found = order(tables.add(schema.payments, {"order_id": "o-1", "status": "FAILED", "reason": "declined"}))
    assert found is not None
    assert (found.status, found.user_id) == ("DECLINED", "u-1")


def test_a_rejected_order_of_which_only_the_id_could_be_read_tells_its_reason(tables: FilledTables) -> None:
    row = {"order_id": "o-1", "status": "REJECTED", "reason": "$.amount: too much"}
    found = order(tables.add(schema.order_status, row))
    assert found is not None
    assert (found.status, found.reason, found.user_id, found.amount) == (
        "REJECTED",
        "$.amount: too much",
        None,
        None,
    )


def test_an_id_of_two_users_belongs_to_the_one_who_was_charged(tables: FilledTables) -> None:
    tables.add(
        schema.orders,
        {"order_id": "o-1", "user_id": "first", "at_ms": NOON_MS},
        {"order_id": "o-1", "user_id": "second", "at_ms": NOON_MS + 5},
    )
    assert getattr(order(tables), "user_id", None) == "first"
    tables.add(schema.payments, {"order_id": "o-1", "user_id": "second"})
    tables.add(schema.notifications, {"order_id": "o-1", "user_id": "second", "text": "Yours."})
    found = order(tables)
    assert found is not None
    assert found.user_id == "second"
    assert getattr(found.notification, "message", None) == "Yours."


def test_a_way_over_two_partitions_is_told_in_time_and_bounded(tables: FilledTables) -> None:
    tables.add(schema.order_status, {"order_id": "o-1", "status": "PAID"})
    rows = [
        {"order_id": "o-1", "status": "PENDING", "at_ms": NOON_MS + at, "offset": at} for at in range(150)
    ]
    tables.add(
        schema.order_history,
        *rows,
        {"order_id": "o-1", "status": "PAID", "partition": 1, "at_ms": NOON_MS + 999},
    )
    found = order(tables)
    assert found is not None
    assert len(found.history) == 100
    assert found.history[-1].status == "PAID"
    assert [change.at for change in found.history] == sorted(change.at for change in found.history)


def some(count: int, user_id: str = "u-1", partition: int = 0) -> list[dict[str, Any]]:
    """Notifications that came three at a time, in two partitions."""
    return [
        {
            "order_id": f"{user_id}-{number}",
            "user_id": user_id,
            "at_ms": NOON_MS + number // 3,
            "partition": partition + number % 2,
            "offset": number,
        }
        for number in range(count)
    ]


def pages(tables: FilledTables, limit: int, user_id: str | None = None) -> Iterator[list[SentNotification]]:
    after: Place | None = None
    while True:
        with tables.reading() as connection:
            page, after = newest_notifications(connection, limit, user_id, after)
        yield page
        if after is None:
            return


@pytest.mark.parametrize("limit", [1, 7, 10, 30, 100])
def test_pages_of_notifications_hold_each_once_newest_first(tables: FilledTables, limit: int) -> None:
    tables.add(schema.notifications, *some(30), *some(30, "u-2", partition=2))
    for user, expected in (("u-1", 30), (None, 60)):
        found = list(pages(tables, limit, user))
        assert [len(page) for page in found[:-1]] == [limit] * (len(found) - 1)
        sent = [one for page in found for one in page]
        assert len({(one.order_id, one.user_id) for one in sent}) == len(sent) == expected
        assert [one.at for one in sent] == sorted((one.at for one in sent), reverse=True)
        assert {one.user_id for one in sent} == ({user} if user else {"u-1", "u-2"})


def test_what_comes_while_somebody_pages_shifts_nothing(tables: FilledTables) -> None:
    tables.add(schema.notifications, *some(10))
    reading = pages(tables, 5)
    first = next(reading)
    tables.add(schema.notifications, {"order_id": "newer", "at_ms": NOON_MS + 999})
    second = next(reading)
    assert {one.order_id for one in first + second} == {f"u-1-{number}" for number in range(10)}


def test_payments_are_summed_over_all_shards_to_the_cent(tables: FilledTables) -> None:
    cents = 999_999_999_999
    tables.add(
        schema.payment_totals,
        {"partition": 0, "status": "SUCCESS", "count": 3, "sum_cents": cents},
        {"partition": 1, "status": "SUCCESS", "count": 1, "sum_cents": 3},
        {"partition": 1, "status": "FAILED", "count": 1, "sum_cents": 50},
    )
    tables.add(
        schema.status_counts,
        {"partition": 0, "status": "PENDING", "count": 9},
        {"partition": 1, "status": "PENDING", "count": -2},
        {"partition": 0, "status": "PAID", "count": 4},
    )
    found = counted(tables)
    assert found.payments == {
        "SUCCESS": Payments(4, Decimal("10000000000.02")),
        "FAILED": Payments(1, Decimal("0.50")),
    }
    assert str(found.payments["FAILED"].sum) == "0.50"
    assert found.success_rate == 0.8
    assert found.orders == {"PENDING": 7, "PAID": 4, "DECLINED": 0, "REJECTED": 0, "FAILED": 0}


def test_without_a_payment_there_is_no_success_rate(tables: FilledTables) -> None:
    found = counted(tables)
    assert found.success_rate is None
    assert set(found.payments.values()) == {Payments(0, Decimal("0.00"))}


def test_the_last_hour_is_told_by_the_minute_with_the_empty_ones(tables: FilledTables) -> None:
    now = NOON_MS // 60_000
    row = {"partition": 0, "status": "SUCCESS", "count": 2, "sum_cents": 300}
    tables.add(
        schema.payment_minutes,
        row | {"minute": now},
        row | {"minute": now, "partition": 1},
        row | {"minute": now - 59},
        row | {"minute": now - 60},
        row | {"minute": now + 1},
    )
    minutes = counted(tables).per_minute
    assert len(minutes) == 60
    assert (minutes[0].minute, minutes[-1].minute) == (NOON - timedelta(minutes=59), NOON)
    assert minutes[-1].payments["SUCCESS"] == Payments(4, Decimal("6.00"))
    assert minutes[0].payments["SUCCESS"] == Payments(2, Decimal("3.00"))
    assert sum(payments.count for minute in minutes for payments in minute.payments.values()) == 6


@pytest.mark.parametrize(
    ("ends", "behind", "complete"),
    [
        pytest.param(None, 2, None, id="nothing known of Kafka: as the log was when it was read"),
        pytest.param({("orders", 0): End(10, 12, 1)}, 1, False, id="a marker is no record"),
        pytest.param({("orders", 0): End(10, 11, 0)}, 2, False, id="the log was longer when it was read"),
        pytest.param({("orders", 0): End(9, 30, 19)}, 19, False, id="tables ahead of the committed offset"),
        pytest.param({("orders", 0): End(15, 30, 4)}, 20, False, id="tables behind the committed offset"),
        pytest.param(
            {("orders", 0): End(10, 12, 0), ("orders", 1): End(None, 5, 5)}, 5, False, id="a new partition"
        ),
        pytest.param({("orders", 0): End(10, 12, 0)}, 0, True, id="only markers left"),
    ],
)
def test_completeness_is_told_against_the_ends_that_are_known(
    tables: FilledTables, ends: Ends | None, behind: int, complete: bool | None
) -> None:
    found = counted(tables.add(schema.offsets, {"next": 10, "log_end": 12}), ends)
    assert (found.behind, found.complete) == (behind, complete)
    first = found.as_of[0]
    assert (first.topic, first.partition, first.next) == ("orders", 0, 10)
