"""One record through one service: whatever goes wrong costs that record alone, and is told."""

import gc
import json
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOON, TRACE, an_order, record

from orderflow.events import Event, InvalidEvent, Order, OrderStatus, Payment, encode
from orderflow.events.orders import decode_order
from orderflow.streaming.batches import Done, Record
from orderflow.streaming.handling import Handling
from orderflow.streaming.parking import Line, Turn, line_of
from orderflow.streaming.service import (
    Delivery,
    Failure,
    NotAttempted,
    Outcome,
    Service,
    TransientError,
    WithHeaders,
)

Reaction = Callable[[Order, Delivery], Iterable[Outcome]]
Told = list[tuple[int, str, int, bool]]


class GatewayAway(TransientError):
    """For reactions that fail this time."""


def pay(order: Order, delivery: Delivery) -> Sequence[Event]:
    return (
        Payment(order.order_id, order.user_id, order.amount, "SUCCESS", "PAY-1", delivery.attempt),
        OrderStatus(order.order_id, "PAID", delivery.at),
    )


def tell_rejected(value: bytes, failure: Failure, at: datetime) -> Sequence[Event]:
    return (OrderStatus("buried", "REJECTED", at, failure.reason),)


def service(react: Reaction = pay, **changes: object) -> Service[Order]:
    parts: dict[str, object] = {
        "name": "payment-service",
        "reads": ("orders",),
        "writes": ("payments", "order-status"),
        "dead_letters": "failed-orders",
        "exhausted": "failed-payments",
        "decode": lambda value, at: decode_order(value, received_at=at, unit_price=Decimal(1)),
        "react": react,
        "bury": tell_rejected,
    }
    return Service(**(parts | changes))  # type: ignore[arg-type]


def handling(react: Reaction = pay, *, told: Told | None = None, **changes: object) -> Handling[Order]:
    sink = told if told is not None else []
    return Handling(
        service(react, **changes),
        group="payments-group",
        topic_prefix="p.",
        on_failure=lambda each, failure, final: sink.append(
            (each.offset, failure.kind, failure.attempts, final)
        ),
    )


def order_record(number: int, user: str = "u1") -> Record:
    return record(encode(an_order(f"o{number}", user)), key=user.encode(), offset=number)


def topics(done: Done) -> list[str]:
    return [topic for topic, _, _, _ in done.outgoing]


def letter_headers(done: Done) -> dict[str, str | bytes | None]:
    return dict(done.outgoing[0][3])


def test_a_record_becomes_what_the_reaction_says_with_keys_prefix_and_headers() -> None:
    placed = msgspec.structs.replace(
        order_record(7), carried=[("correlation_id", b"c-1"), ("traceparent", TRACE)]
    )
    (done,) = handling().handle([placed], NOON).done
    assert done.record is placed
    headers = [
        ("correlation_id", b"c-1"),
        ("timestamp", b"2026-03-01T12:00:00.000000Z"),
        ("source", b"payment-service"),
        ("traceparent", TRACE),
    ]
    payment, status = pay(an_order("o7"), Delivery(NOON, 1))
    assert done.outgoing == [
        ("p.payments", b"u1", encode(payment), headers),
        ("p.order-status", b"o7", encode(status), headers),
    ]


def test_an_event_may_have_headers_of_its_own_after_those_of_every_record() -> None:
    def noted(order: Order, delivery: Delivery) -> Sequence[Outcome]:
        payment, status = pay(order, delivery)
        return WithHeaders(payment, (("content", b"abc"),)), status

    (plain,), (done,) = (each.handle([order_record(7)], NOON).done for each in (handling(), handling(noted)))
    (topic, key, value, headers), status = plain.outgoing
    assert done.outgoing == [(topic, key, value, [*headers, ("content", b"abc")]), status]


def test_a_reaction_that_leads_to_nothing_is_done_all_the_same() -> None:
    (done,) = handling(lambda _order, _delivery: ()).handle([order_record(1)], NOON).done
    assert done.outgoing == []


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"garbage \xff", id="garbage"),
        pytest.param(b"", id="an empty value"),
        pytest.param(None, id="a tombstone"),
        pytest.param(b"[" * 100_000, id="nested without end"),
        pytest.param(encode(an_order(amount="-1")), id="an invalid amount"),
    ],
)
def test_a_poison_record_costs_one_record_and_is_kept_whole(value: bytes | None) -> None:
    told: Told = []
    original = [("trace", b"\xff\x00"), ("nothing", None), ("trace", b"again")]
    poison = record(value, key=b"\xfekey", offset=1, headers=list(original))
    before, dead, after = handling(told=told).handle([order_record(0), poison, order_record(2)], NOON).done
    assert topics(before) == topics(after) == ["p.payments", "p.order-status"]
    assert topics(dead) == ["p.failed-orders", "p.order-status"]
    _, key, kept, headers = dead.outgoing[0]
    assert (key, kept, headers[:3]) == (b"\xfekey", value, original)
    assert letter_headers(dead)["dlq.group"] == b"payments-group"
    assert letter_headers(dead)["dlq.attempts"] == b"1"
    assert json.loads(dead.outgoing[1][2] or b"")["status"] == "REJECTED"
    assert told == [(1, "invalid", 1, True)]


def test_an_event_the_reaction_can_never_handle_is_not_tried_again() -> None:
    attempts: list[int] = []

    def refuse(_order: Order, delivery: Delivery) -> Sequence[Event]:
        attempts.append(delivery.attempt)
        raise InvalidEvent("is not ours", "$.user_id")

    told: Told = []
    (done,) = handling(refuse, told=told).handle([order_record(1)], NOON).done
    assert attempts == [1]
    assert told == [(1, "invalid", 1, True)]
    assert letter_headers(done)["dlq.error.message"] == b"$.user_id: is not ours"


def failing(error: Exception, times: int, attempts: list[int]) -> Reaction:
    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        attempts.append(delivery.attempt)
        if len(attempts) <= times:
            raise error
        return pay(order, delivery)

    return react


def tried_until_done(at_work: Handling[Order], each: Record) -> Done:
    """Hand a record over again as long as its attempts fail."""
    for attempt in range(1, 100):
        done, held = at_work.handle([each], NOON, attempt)
        if done:
            return done[0]
        assert [it.failure.attempts for it in held if it.failure] == [attempt]
    raise AssertionError("tried without end")


@pytest.mark.parametrize(
    ("error", "kind"),
    [(GatewayAway("no answer"), "exhausted"), (ZeroDivisionError("oops"), "unexpected")],
    ids=["transient", "unexpected"],
)
def test_an_attempt_that_fails_is_followed_by_another_that_may_not(error: Exception, kind: str) -> None:
    attempts: list[int] = []
    told: Told = []
    done = tried_until_done(handling(failing(error, 2, attempts), told=told), order_record(1))
    assert attempts == [1, 2, 3]
    assert told == [(1, kind, 1, False), (1, kind, 2, False)]
    assert json.loads(done.outgoing[0][2] or b"")["attempts"] == 3


@pytest.mark.parametrize("most", [1, 2, 5])
@pytest.mark.parametrize(
    ("error", "kind", "topic"),
    [
        pytest.param(GatewayAway("no answer"), "exhausted", "p.failed-payments", id="transient"),
        pytest.param(ZeroDivisionError("oops"), "unexpected", "p.failed-orders", id="unexpected"),
    ],
)
def test_after_the_last_attempt_the_record_is_a_dead_letter(
    error: Exception, kind: str, topic: str, most: int
) -> None:
    attempts: list[int] = []
    told: Told = []
    at_work = Handling(
        service(failing(error, 99, attempts)),
        group="g",
        max_attempts=most,
        topic_prefix="p.",
        on_failure=lambda each, failure, final: told.append(
            (each.offset, failure.kind, failure.attempts, final)
        ),
    )
    done = tried_until_done(at_work, order_record(1))
    assert attempts == list(range(1, most + 1))
    assert told[-1] == (1, kind, most, True)
    assert [final for *_, final in told] == [False] * (most - 1) + [True]
    assert topics(done)[0] == topic
    assert letter_headers(done)["dlq.attempts"] == str(most).encode()
    assert letter_headers(done)["dlq.error.class"] == type(error).__name__.encode()


def test_what_follows_a_failed_attempt_in_its_line_waits_and_nothing_else_does() -> None:
    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        if order.order_id == "o1":
            raise GatewayAway("no answer")
        return pay(order, delivery)

    records = [order_record(n, user) for n, user in enumerate(["u2", "u1", "u1", "u2", "u1"])]
    done, held = handling(react).handle(records, NOON)
    assert [each.record.offset for each in done] == [0, 3]
    assert [(each.record.offset, each.failure is None) for each in held] == [(1, False), (2, True), (4, True)]


def test_what_could_not_even_be_attempted_counts_for_nothing() -> None:
    def react(_order: Order, _delivery: Delivery) -> Sequence[Event]:
        raise NotAttempted("its window is not read yet")

    for attempt in (1, 3):
        ((_record, failure),) = handling(react).handle([order_record(1)], NOON, attempt).held
        assert failure is not None
        assert failure.attempts == attempt - 1


def test_without_a_topic_of_its_own_an_exhausted_record_lies_with_the_invalid_ones() -> None:
    done = tried_until_done(handling(failing(GatewayAway(), 99, []), exhausted=None), order_record(1))
    assert topics(done)[0] == "p.failed-orders"


def test_a_reaction_that_yields_its_events_is_tried_again_like_any_other() -> None:
    attempts: list[int] = []

    def react(order: Order, delivery: Delivery) -> Iterator[Event]:
        attempts.append(delivery.attempt)
        yield OrderStatus(order.order_id, "PAID", delivery.at)
        if delivery.attempt == 1:
            raise GatewayAway

    done = tried_until_done(handling(react), order_record(1))
    assert attempts == [1, 2]
    assert topics(done) == ["p.order-status"]


def test_an_answer_too_large_for_its_topic_makes_the_record_a_dead_letter() -> None:
    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        return (OrderStatus(order.order_id, "PAID", delivery.at, "x" * 1_048_588),)

    told: Told = []
    large, small = handling(react, told=told).handle([order_record(1), record(b"bad", offset=2)], NOON).done
    assert topics(large) == topics(small) == ["p.failed-orders", "p.order-status"]
    assert b"bytes for order-status" in (letter_headers(large)["dlq.error.message"] or b"")
    assert [kind for _, kind, _, _ in told] == ["invalid", "invalid"]


@given(st.integers(0, 3000))
def test_an_answer_is_taken_up_to_the_limit_and_not_a_byte_further(excess: int) -> None:
    limit = 4096

    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        return (OrderStatus(order.order_id, "PAID", delivery.at, "x" * (limit - 2000 + excess)),)

    (done,) = Handling(service(react), group="g", max_record_bytes=limit).handle([order_record(1)], NOON).done
    topic, key, value, headers = done.outgoing[0]
    if topic == "order-status":
        whole = len(key or b"") + len(value or b"") + sum(len(n) + len(v or b"") for n, v in headers)
        assert whole < limit
    else:
        assert len(encode(react(an_order("o1"), Delivery(NOON, 1))[0])) > limit - 1024


def bury_with_a_defect(_value: bytes, _failure: Failure, _at: datetime) -> Sequence[Event]:
    raise ZeroDivisionError


def bury_at_length(_value: bytes, _failure: Failure, at: datetime) -> Sequence[Event]:
    return (OrderStatus("o1", "REJECTED", at, "x" * 2_000_000),)


def bury_with_half_a_surrogate_pair(_value: bytes, _failure: Failure, at: datetime) -> Sequence[Event]:
    return (OrderStatus("o1", "REJECTED", at, "\ud800"),)


@pytest.mark.parametrize("bury", [bury_with_a_defect, bury_at_length, bury_with_half_a_surrogate_pair])
def test_a_dead_letter_lies_even_where_nothing_can_be_told_of_it(bury: object) -> None:
    told: Told = []
    (done,) = handling(bury=bury, told=told).handle([record(b"bad", offset=1)], NOON).done
    assert topics(done) == ["p.failed-orders"]
    assert told == [(1, "invalid", 1, True), (1, "unexpected", 1, False)]


def decode_with_a_defect(_value: bytes, _at: datetime) -> Order:
    raise IndexError("out of range")


def react_with_half_a_surrogate_pair(order: Order, delivery: Delivery) -> Sequence[Event]:
    return (OrderStatus(order.order_id, "PAID", delivery.at, "\ud800"),)


@pytest.mark.parametrize(
    "defect",
    [{"decode": decode_with_a_defect}, {"react": react_with_half_a_surrogate_pair}],
    ids=["in decoding", "in what cannot be encoded"],
)
def test_a_defect_outside_the_attempts_costs_the_record_not_the_worker(defect: dict[str, object]) -> None:
    told: Told = []
    done = tried_until_done(handling(**defect, told=told), order_record(1))  # type: ignore[arg-type]
    assert topics(done)[0] == "p.failed-orders"
    assert told == [(1, "unexpected", 1, False), (1, "unexpected", 2, False), (1, "unexpected", 3, True)]


def test_a_reason_that_utf8_cannot_say_is_told_all_the_same() -> None:
    def react(_order: Order, _delivery: Delivery) -> Sequence[Event]:
        raise OSError("no file named \udcff")

    done = tried_until_done(handling(react), order_record(1))
    assert topics(done) == ["p.failed-orders", "p.order-status"]
    assert json.loads(done.outgoing[1][2] or b"")["reason"] == "OSError: no file named ?"


def test_a_record_the_broker_refuses_becomes_a_dead_letter_that_says_so() -> None:
    told: Told = []
    refused = handling(told=told).refuse(
        order_record(3), RuntimeError("Broker: Message size too large"), NOON
    )
    assert topics(refused) == ["p.failed-orders", "p.order-status"]
    assert letter_headers(refused)["dlq.error.message"] == b"Broker: Message size too large"
    assert told == [(3, "invalid", 1, True)]


@given(st.lists(st.one_of(st.none(), st.binary(max_size=30), st.just(encode(an_order())))))
def test_every_record_is_done_once_in_order_whatever_it_holds(values: list[bytes | None]) -> None:
    records = [record(value, offset=n) for n, value in enumerate(values)]
    done = handling().handle(records, NOON).done
    assert [each.record for each in done] == records
    assert all(len(each.outgoing) == 2 for each in done)


USERS = ["u1", "u2", "u3"]
lane_records = st.lists(st.tuples(st.sampled_from([*USERS, None]), st.booleans()), max_size=12).map(
    lambda drawn: [
        record(
            encode(an_order(f"o{n}", user or "u0")) if good else b"poison",
            key=user.encode() if user else None,
            offset=n,
        )
        for n, (user, good) in enumerate(drawn)
    ]
)


def one_by_one(records: Iterable[Record]) -> list[Turn]:
    """Return a turn for each line of the records."""
    lines: dict[Line, list[Record]] = {}
    for each in records:
        lines.setdefault(line_of(each), []).append(each)
    return [Turn(line) for line in lines.values()]


@given(lane_records)
def test_in_lanes_the_result_is_the_same_and_each_key_is_called_in_order(records: list[Record]) -> None:
    calls: list[tuple[str, str]] = []

    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        calls.append((order.user_id, order.order_id))
        return pay(order, delivery)

    with ThreadPoolExecutor(3) as lanes:
        in_lanes = handling(react).handle_in_lanes(one_by_one(records), NOON, lanes)
    calls_in_lanes = calls.copy()
    calls.clear()
    assert in_lanes == handling(react).handle(records, NOON)
    for user in USERS:
        assert [each for each in calls_in_lanes if each[0] == user] == [
            each for each in calls if each[0] == user
        ]


def test_lanes_of_different_keys_really_overlap() -> None:
    meet = threading.Barrier(len(USERS), timeout=20)

    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        meet.wait()
        return pay(order, delivery)

    with ThreadPoolExecutor(len(USERS)) as lanes:
        done = (
            handling(react)
            .handle_in_lanes(one_by_one([order_record(n, u) for n, u in enumerate(USERS)]), NOON, lanes)
            .done
        )
    assert [topics(each)[0] for each in done] == ["p.payments"] * len(USERS), "a broken barrier is a failure"


def test_one_key_never_runs_beside_itself() -> None:
    meetings: list[set[str]] = []
    present: list[str] = []

    def note() -> None:
        meetings.append(set(present))
        present.clear()

    meet = threading.Barrier(2, action=note, timeout=20)

    def react(order: Order, delivery: Delivery) -> Sequence[Event]:
        present.append(order.user_id)
        meet.wait()
        return pay(order, delivery)

    users = ["u1"] * 20 + ["u2"] * 20
    with ThreadPoolExecutor(8) as lanes:
        handling(react).handle_in_lanes(
            one_by_one([order_record(n, u) for n, u in enumerate(users)]), NOON, lanes
        )
    assert meetings == [{"u1", "u2"}] * 20


def test_a_worker_needs_each_of_its_topics_once() -> None:
    assert service().topics == ("orders", "payments", "order-status", "failed-orders", "failed-payments")
    assert service(exhausted=None, writes=("orders",)).topics == ("orders", "failed-orders")


@pytest.mark.parametrize("attempt", [1, 3], ids=["held", "buried"])
@pytest.mark.parametrize("error", [GatewayAway, InvalidEvent, ZeroDivisionError])
def test_a_failure_leaves_nothing_to_the_garbage_collector(error: type[Exception], attempt: int) -> None:
    """Circles hold whole batches, and the collector of a worker comes rarely."""

    def fails(order: Order, delivery: Delivery) -> Sequence[Event]:
        try:
            raise KeyError("the cause")
        except KeyError:
            raise error("no answer") from None

    handler, records = handling(fails), [order_record(number, f"u{number}") for number in range(3)]
    handler.handle(records, NOON, attempt)
    gc.collect()
    gc.disable()
    try:
        handler.handle(records, NOON, attempt)
        assert gc.collect() == 0
    finally:
        gc.enable()
