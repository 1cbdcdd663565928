"""Events on the wire: both ways without loss, both forms of an order, and a path for whatever is wrong."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import NOON, a_payment, an_order, identifiers, notifications, orders, payments, statuses

from orderflow.events import (
    Event,
    InvalidEvent,
    Notification,
    NotJson,
    Order,
    OrderStatus,
    Payment,
    decode_order,
    decode_payment,
    encode,
)
from orderflow.events.base import is_identifier
from orderflow.events.notifications import decode_notification
from orderflow.events.orders import MAX_ITEMS, decode_form, order_id_for
from orderflow.events.statuses import decode_status
from orderflow.events.topics import DEAD_LETTER_EXTRA_BYTES, topic_specs

LONG_FORM: dict[str, Any] = {"order_id": "o1", "user_id": "u1", "amount": 10.5, "items": 2}
SHORT_FORM: dict[str, Any] = {"order_id": "o1", "user_id": "u1", "item": "Laptop", "quantity": 3}


def read_order(value: bytes, unit_price: str = "1.00") -> Order:
    return decode_order(value, received_at=NOON, unit_price=Decimal(unit_price))


def from_json(fields: dict[str, Any], **changes: Any) -> Order:
    """Decode an order; a change to `...` leaves the field out."""
    kept = {name: value for name, value in (fields | changes).items() if value is not ...}
    return read_order(json.dumps(kept).encode())


@given(orders)
def test_an_order_survives_the_wire(order: Order) -> None:
    assert read_order(encode(order)) == order


@given(payments)
def test_a_payment_survives_the_wire(payment: Payment) -> None:
    assert decode_payment(encode(payment)) == payment


@given(notifications)
def test_a_notification_survives_the_wire(notification: Notification) -> None:
    assert decode_notification(encode(notification)) == notification


@given(statuses)
def test_a_status_survives_the_wire(status: OrderStatus) -> None:
    assert decode_status(encode(status)) == status


@given(orders | payments | notifications | statuses)
def test_a_value_is_plain_json_with_the_fields_of_the_contract(event: Event) -> None:
    contract = {
        "orders": {"order_id", "user_id", "amount", "items", "timestamp", "item"},
        "payments": {"order_id", "user_id", "amount", "status", "payment_id", "attempts", "reason"},
        "notifications": {"order_id", "user_id", "status", "message", "type"},
        "order-status": {"order_id", "status", "updated_at", "reason"},
    }
    optional = {"item", "reason"}
    written = json.loads(encode(event))
    assert contract[event.topic] - optional <= written.keys() <= contract[event.topic]
    assert None not in written.values()


@given(orders | payments)
def test_an_amount_is_written_as_a_number_with_two_places(event: Order | Payment) -> None:
    assert f'"amount":{event.amount:.2f},'.encode() in encode(event)


@given(orders | payments | notifications)
def test_records_of_a_user_share_the_user_as_key_and_the_order_as_correlation(
    event: Order | Payment | Notification,
) -> None:
    assert (event.key, event.correlation_id) == (event.user_id, event.order_id)


@given(statuses)
def test_a_status_is_keyed_by_its_order(status: OrderStatus) -> None:
    assert (status.key, status.correlation_id) == (status.order_id, status.order_id)


def test_the_long_form_is_kept_as_it_is() -> None:
    order = from_json(LONG_FORM, timestamp="2026-01-02T03:04:05+02:00", item="Laptop")
    written_at = datetime.fromisoformat("2026-01-02T03:04:05+02:00")
    assert order == Order("o1", "u1", Decimal("10.50"), 2, written_at, "Laptop")


@given(quantity=st.integers(1, MAX_ITEMS), unit_price=st.decimals("0.01", "9999.99", places=2))
def test_the_short_form_costs_quantity_times_the_unit_price(quantity: int, unit_price: Decimal) -> None:
    value = json.dumps(SHORT_FORM | {"quantity": quantity}).encode()
    order = read_order(value, str(unit_price))
    assert order.amount == quantity * unit_price
    assert (order.items, order.item) == (quantity, "Laptop")


def test_an_order_without_a_timestamp_is_of_the_time_it_was_received() -> None:
    assert from_json(LONG_FORM).timestamp == NOON


@pytest.fixture
def _far_from_greenwich(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set the clock of this process to Tokyo's time zone."""
    with monkeypatch.context() as changed:
        changed.setenv("TZ", "JST-9")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_far_from_greenwich")
@pytest.mark.parametrize("received_at", [NOON, NOON.replace(tzinfo=None)], ids=["aware", "naive"])
def test_a_time_without_a_zone_is_utc_wherever_the_machine_stands(received_at: datetime) -> None:
    for fields in (LONG_FORM | {"timestamp": "2026-03-01T12:00:00"}, LONG_FORM):
        value = json.dumps(fields).encode()
        order = decode_order(value, received_at=received_at, unit_price=Decimal(1))
        assert order.timestamp == NOON
        assert order.timestamp.utcoffset() == timedelta(0)


def test_an_order_counts_the_same_however_its_amount_is_written() -> None:
    ways = [
        from_json(LONG_FORM, amount=10.5),
        from_json(LONG_FORM, amount="10.50"),
        read_order(b' { "items" : 2 , "user_id" : "u1", "order_id":"o1", "amount" :\t1050e-2 } '),
    ]
    assert ways == [ways[0]] * 3


def test_unknown_fields_are_dropped() -> None:
    order = from_json(LONG_FORM, coupon={"code": ["x"] * 10}, status="PAID")
    assert order == from_json(LONG_FORM)
    assert json.loads(encode(order)).keys() == {"order_id", "user_id", "amount", "items", "timestamp"}


@pytest.mark.parametrize(
    ("changes", "path", "problem"),
    [
        pytest.param({"order_id": ...}, "$", "`order_id`", id="no order id"),
        pytest.param({"user_id": ...}, "$", "`user_id`", id="no user id"),
        pytest.param({"amount": ...}, "$", "`amount`", id="no amount"),
        pytest.param({"items": ...}, "$", "`items`", id="no items"),
        pytest.param({"order_id": 7}, "$.order_id", "got `int`", id="order id is a number"),
        pytest.param({"order_id": ""}, "$.order_id", "1 to 128 characters", id="order id is empty"),
        pytest.param({"order_id": "x" * 129}, "$.order_id", "1 to 128 characters", id="order id is too long"),
        pytest.param(
            {"order_id": "o\n"}, "$.order_id", "1 to 128 characters", id="order id ends in a line break"
        ),
        pytest.param({"user_id": "a b"}, "$.user_id", "1 to 128 characters", id="user id has a space"),
        pytest.param(
            {"user_id": "\u0430"}, "$.user_id", "1 to 128 characters", id="user id has a Cyrillic a"
        ),
        pytest.param({"user_id": None}, "$.user_id", "got `null`", id="user id is null"),
        pytest.param({"amount": "12.345"}, "$.amount", "two decimal places", id="amount has three places"),
        pytest.param({"amount": 0}, "$.amount", "greater than 0", id="amount is zero"),
        pytest.param({"amount": True}, "$.amount", "decimal number", id="amount is a boolean"),
        pytest.param({"amount": None}, "$.amount", "decimal number", id="amount is null"),
        pytest.param({"items": 0}, "$.items", ">= 1", id="no items at all"),
        pytest.param({"items": 1_000_001}, "$.items", "<= 1000000", id="too many items"),
        pytest.param({"items": 1.5}, "$.items", "got `float`", id="half an item"),
        pytest.param({"items": "2"}, "$.items", "got `str`", id="items in quotes"),
        pytest.param({"items": True}, "$.items", "got `bool`", id="items is a boolean"),
        pytest.param({"timestamp": "yesterday"}, "$.timestamp", "RFC3339", id="time in words"),
        pytest.param({"timestamp": 1700000000}, "$.timestamp", "got `int`", id="time as a number"),
        pytest.param({"item": ""}, "$.item", "length >= 1", id="item without a name"),
        pytest.param({"item": "x" * 257}, "$.item", "length <= 256", id="item with too long a name"),
        pytest.param({"quantity": 1}, "$.quantity", "`item` alone", id="both forms at once"),
    ],
)
def test_a_bad_field_is_named_by_its_path(changes: dict[str, Any], path: str, problem: str) -> None:
    with pytest.raises(InvalidEvent) as wrong:
        from_json(LONG_FORM, **changes)
    assert wrong.value.path == path
    assert problem in wrong.value.problem


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        pytest.param({"item": ...}, "$", id="no item"),
        pytest.param({"quantity": ...}, "$", id="no quantity"),
        pytest.param({"quantity": 0}, "$.quantity", id="none of it"),
        pytest.param({"quantity": 1_000_001}, "$.quantity", id="more than a million of it"),
        pytest.param({"amount": 1}, "$.quantity", id="an amount besides"),
        pytest.param({"items": 1}, "$.quantity", id="a number of items besides"),
    ],
)
def test_a_short_form_that_says_too_little_or_too_much_is_refused(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidEvent) as wrong:
        from_json(SHORT_FORM, **changes)
    assert wrong.value.path == path


def test_a_short_form_dearer_than_any_amount_is_refused() -> None:
    value = json.dumps(SHORT_FORM | {"quantity": 1_000_000}).encode()
    with pytest.raises(InvalidEvent, match=r"^\$\.quantity: must be at most"):
        read_order(value, "10000.00")


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
        pytest.param(encode(an_order()) + b"{}", id="two objects"),
        pytest.param(b"garbage \xff\x00", id="no JSON at all"),
        pytest.param(b'{"user_id":"\xff\xfe","order_id":"o1"}', id="not UTF-8"),
        pytest.param(b'{"user_id":"\\ud800","order_id":"o1"}', id="half a surrogate pair"),
        pytest.param(b'{"amount":NaN}', id="NaN"),
        pytest.param(b'{"amount":' + b"[" * 100_000 + b"]" * 100_000 + b"}", id="nested too deeply"),
    ],
)
def test_what_cannot_be_parsed_is_not_json(value: bytes) -> None:
    with pytest.raises(NotJson):
        read_order(value)


DECODERS: dict[str, Callable[[bytes], object]] = {
    "order": read_order,
    "form": decode_form,
    "payment": decode_payment,
    "notification": decode_notification,
    "status": decode_status,
}
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | identifiers,
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
fields = st.dictionaries(
    st.sampled_from(
        [*LONG_FORM, *SHORT_FORM, "timestamp", "status", "payment_id", "attempts", "reason", "type"]
    ),
    json_values,
)


@pytest.mark.parametrize("decode", DECODERS.values(), ids=DECODERS.keys())
@given(value=st.binary() | fields.map(lambda each: json.dumps(each).encode()))
@example(value=b"[" * 100_000)
@example(value=b'{"order_id":' * 5_000)
@example(value=b'{"items":1e999999999,"attempts":1e999999999}')
@example(value=b'{"updated_at":"9999-12-31T23:59:59-14:00","timestamp":"0001-01-01T00:00:00+14:00"}')
def test_decoding_arbitrary_bytes_fails_only_as_an_invalid_event(
    decode: Callable[[bytes], object], value: bytes
) -> None:
    with suppress(InvalidEvent):
        decode(value)


@given(value=fields.map(lambda each: json.dumps(LONG_FORM | each).encode()))
def test_every_order_that_is_accepted_can_be_written_and_read_again(value: bytes) -> None:
    with suppress(InvalidEvent):
        order = read_order(value)
        assert read_order(encode(order)) == order


@pytest.mark.parametrize("amount", ["NaN", "sNaN", "Infinity", "-1", "0", "1_0.001", "1e11"])
def test_a_payment_of_no_amount_is_refused(amount: str) -> None:
    value = encode(a_payment()).replace(b"10.50", f'"{amount}"'.encode())
    with pytest.raises(InvalidEvent) as wrong:
        decode_payment(value)
    assert wrong.value.path == "$.amount"


def test_a_payment_of_unknown_status_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"\$\.status"):
        decode_payment(encode(a_payment()).replace(b"SUCCESS", b"MAYBE"))


@given(identifiers)
def test_identifiers_of_the_contract_are_taken(text: str) -> None:
    assert is_identifier(text)
    assert from_json(LONG_FORM, order_id=text, user_id=text).order_id == text


@given(st.text())
@example("o1\n")
@example("")
@example("a/b")
@example("x" * 129)
@example("\u0661")
@example("\u212a")
def test_an_identifier_means_the_same_alone_and_inside_an_order(text: str) -> None:
    allowed = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:@-")
    good = 1 <= len(text) <= 128 and set(text) <= allowed
    assert is_identifier(text) is good
    if good:
        assert from_json(LONG_FORM, order_id=text).order_id == text
    else:
        with pytest.raises(InvalidEvent):
            from_json(LONG_FORM, order_id=text)


@given(identifiers, identifiers)
def test_an_order_id_made_from_a_key_is_an_identifier_and_always_the_same(user_id: str, key: str) -> None:
    made = order_id_for(user_id, key)
    assert made == order_id_for(user_id, key)
    assert made.startswith("ORD-")
    assert is_identifier(made)


@given(*[identifiers] * 4)
@example("a", "bc", "ab", "c")
@example("a", "a", "a:a", "a")
def test_different_users_or_keys_never_share_an_order_id(
    user: str, key: str, other: str, other_key: str
) -> None:
    same = (user, key) == (other, other_key)
    assert (order_id_for(user, key) == order_id_for(other, other_key)) is same


def test_an_order_id_made_from_a_key_does_not_change_with_the_version() -> None:
    assert order_id_for("alice", "key-1") == "ORD-ebaae13c-7195-57d4-98c3-b1188c00d2f3"


def test_the_topics_are_those_of_the_contract() -> None:
    specs = {spec.name: spec for spec in topic_specs(partitions=7, replication_factor=3, prefix="p.")}
    scaling = {"p.orders", "p.payments", "p.notifications", "p.order-status"}
    dead = {"p.failed-orders", "p.failed-payments", "p.failed-notifications"}
    assert specs.keys() == scaling | dead | {"p.dlq-replays"}
    assert {name for name, spec in specs.items() if spec.partitions == 7} == scaling
    assert {spec.partitions for name, spec in specs.items() if name not in scaling} == {3}
    assert {spec.replication_factor for spec in specs.values()} == {3}
    compacted = {name for name, spec in specs.items() if spec.config.get("cleanup.policy") == "compact"}
    assert compacted == {"p.order-status", "p.dlq-replays"}
    source_bytes = int(specs["p.orders"].config["max.message.bytes"])
    for name in dead:
        assert int(specs[name].config["max.message.bytes"]) == source_bytes + DEAD_LETTER_EXTRA_BYTES
        assert specs[name].config["retention.ms"] == str(30 * 24 * 3600 * 1000)


def test_a_time_in_a_value_names_its_zone() -> None:
    written = json.loads(encode(OrderStatus("o1", "PAID", datetime(2026, 1, 1, tzinfo=UTC))))
    assert written["updated_at"] == "2026-01-01T00:00:00Z"
