"""Headers of the records that follow: correlation and trace are carried on, and always well formed."""

import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOON, TRACE, identifiers, times

from orderflow.observability.traceparent import derived_traceparent, valid_traceparent
from orderflow.streaming.batches import Headers
from orderflow.streaming.codec import (
    MAX_CORRELATION_ID_BYTES,
    NextHeaders,
    first_headers,
    rfc3339,
)

header_values = st.none() | st.binary(max_size=400) | st.text(st.characters(exclude_categories=["Cs"]))
header_names = st.sampled_from(["correlation_id", "traceparent", "source", "timestamp", "x"]) | st.text()
foreign_headers = st.none() | st.lists(st.tuples(header_names, header_values))


def after(received: Headers | None, order_id: str = "o1") -> dict[str, str | bytes | None]:
    following = NextHeaders("payment-service", NOON).after(received, order_id)
    assert [name for name, _ in following] == ["correlation_id", "timestamp", "source", "traceparent"]
    return dict(following)


def test_a_record_that_follows_carries_correlation_and_trace_on() -> None:
    received: Headers = [
        ("source", b"elsewhere"),
        ("timestamp", b"1999-01-01T00:00:00Z"),
        ("traceparent", TRACE),
        ("correlation_id", "заказ-1".encode()),
        ("unknown", b"not ours to pass on"),
    ]
    assert after(received) == {
        "correlation_id": "заказ-1".encode(),
        "timestamp": b"2026-03-01T12:00:00.000000Z",
        "source": b"payment-service",
        "traceparent": TRACE,
    }


@pytest.mark.parametrize(
    "received",
    [
        pytest.param(None, id="no headers at all"),
        pytest.param([], id="an empty list of headers"),
        pytest.param([("correlation_id", None)], id="a correlation id of null"),
        pytest.param([("correlation_id", b"")], id="an empty correlation id"),
        pytest.param(
            [("correlation_id", b"x" * (MAX_CORRELATION_ID_BYTES + 1))], id="a correlation id without end"
        ),
    ],
)
def test_a_foreign_record_counts_by_its_order(received: Headers | None) -> None:
    assert after(received)["correlation_id"] == b"o1"


def test_a_long_correlation_id_that_fits_is_kept() -> None:
    longest = b"x" * MAX_CORRELATION_ID_BYTES
    assert after([("correlation_id", longest)])["correlation_id"] == longest


@pytest.mark.parametrize(
    "traceparent",
    [
        pytest.param(None, id="null"),
        pytest.param(b"", id="empty"),
        pytest.param(b"garbage", id="garbage"),
        pytest.param(TRACE.upper(), id="capital letters"),
        pytest.param(TRACE + b"\n", id="a line break behind"),
        pytest.param(TRACE + b"-00", id="more than version 00 has"),
        pytest.param(b"ff" + TRACE[2:], id="the version that never will be"),
        pytest.param(b"00-" + b"0" * 32 + TRACE[35:], id="a trace id of zeros"),
        pytest.param(TRACE[:36] + b"0" * 16 + b"-01", id="a parent id of zeros"),
    ],
)
def test_an_invalid_trace_is_replaced_by_one_of_the_order(traceparent: bytes | None) -> None:
    assert valid_traceparent(traceparent) is None
    assert after([("traceparent", traceparent)])["traceparent"] == derived_traceparent(b"o1")


@given(foreign_headers, identifiers)
def test_whatever_came_what_follows_is_well_formed_and_small(received: Headers | None, order_id: str) -> None:
    following = after(received, order_id)
    assert following == after(received, order_id), "a redelivered record leads to the same headers"
    assert all(isinstance(value, bytes) and value for value in following.values())
    assert valid_traceparent(following["traceparent"])
    assert sum(len(name) + len(value or "") for name, value in following.items()) < 600


@given(st.binary())
def test_a_derived_trace_is_valid_and_not_sampled(seed: bytes) -> None:
    assert valid_traceparent(derived_traceparent(seed))
    assert derived_traceparent(seed).endswith(b"-00")


@given(identifiers, identifiers)
def test_orders_do_not_share_a_derived_trace(one: str, other: str) -> None:
    assert (derived_traceparent(one.encode()) == derived_traceparent(other.encode())) is (one == other)


@given(times)
def test_a_time_is_written_in_utc_and_reads_as_itself(at: datetime) -> None:
    written = rfc3339(at)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", written)
    read = datetime.fromisoformat(written)
    assert (read, read.tzinfo) == (at, UTC)


@pytest.mark.parametrize(
    ("given_trace", "expected"),
    [(TRACE, TRACE), (None, derived_traceparent(b"c-1")), (b"bad", derived_traceparent(b"c-1"))],
    ids=["a valid trace is kept", "none is derived", "an invalid one is replaced"],
)
def test_an_orders_first_record_has_the_headers_of_the_contract(
    given_trace: bytes | None, expected: bytes
) -> None:
    assert first_headers(correlation_id="c-1", source="order-service", at=NOON, traceparent=given_trace) == [
        ("correlation_id", b"c-1"),
        ("timestamp", b"2026-03-01T12:00:00.000000Z"),
        ("source", b"order-service"),
        ("traceparent", expected),
    ]
