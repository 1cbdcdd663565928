"""Events and records with everything a test does not care about filled in, and strategies for any of them."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import strategies as st

from orderflow.events import Notification, Order, OrderStatus, Payment
from orderflow.events.money import MAX_AMOUNT
from orderflow.events.orders import MAX_ITEM_LENGTH, MAX_ITEMS
from orderflow.streaming.batches import Headers, Partition, Record

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def record(
    value: bytes | None = b"",
    *,
    key: bytes | None = b"u1",
    offset: int = 0,
    partition: Partition = ("orders", 0),
    headers: Headers | None = None,
) -> Record:
    return Record(partition, offset, 1_700_000_000_000, key, value, headers)


def an_order(order_id: str = "o1", user_id: str = "u1", amount: str = "10.50") -> Order:
    return Order(order_id, user_id, Decimal(amount), 2, NOON)


def a_payment(**changes: object) -> Payment:
    fields: dict[str, object] = {
        "order_id": "o1",
        "user_id": "u1",
        "amount": Decimal("10.50"),
        "status": "SUCCESS",
        "payment_id": "PAY-1",
        "attempts": 1,
    }
    return Payment(**(fields | changes))  # type: ignore[arg-type]


def a_notification(user_id: str = "u1", order_id: str = "o1", text: str = "Paid.") -> Notification:
    return Notification(order_id, user_id, "SUCCESS", text)


identifiers = st.from_regex(r"[A-Za-z0-9._:@-]{1,128}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"]))
amounts = st.decimals(Decimal("0.01"), MAX_AMOUNT, places=2)
_offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
times = st.datetimes(
    min_value=datetime(1971, 1, 1), max_value=datetime(2999, 1, 1), timezones=st.just(UTC) | _offsets
)

orders = st.builds(
    Order,
    order_id=identifiers,
    user_id=identifiers,
    amount=amounts,
    items=st.integers(1, MAX_ITEMS),
    timestamp=times,
    item=st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=MAX_ITEM_LENGTH),
)
payments = st.builds(
    Payment,
    order_id=identifiers,
    user_id=identifiers,
    amount=amounts,
    status=st.sampled_from(["SUCCESS", "FAILED"]),
    payment_id=identifiers,
    attempts=st.integers(1, 100),
    reason=st.none() | texts,
)
notifications = st.builds(
    Notification,
    order_id=identifiers,
    user_id=identifiers,
    status=st.sampled_from(["SUCCESS", "FAILED"]),
    message=texts,
)
statuses = st.builds(
    OrderStatus,
    order_id=identifiers,
    status=st.sampled_from(["PENDING", "PAID", "DECLINED", "REJECTED", "FAILED"]),
    updated_at=times,
    reason=st.none() | texts,
)
