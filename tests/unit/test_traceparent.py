"""Trace contexts are read at fixed places: which trace, which span, and whether anybody looks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.observability.at_work import ids_in
from orderflow.observability.traceparent import (
    child_of,
    derived_traceparent,
    found_in,
    is_sampled,
    span_id,
    trace_id,
    trace_id_of,
    valid_traceparent,
)

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def test_the_parts_are_where_the_standard_puts_them() -> None:
    assert trace_id(TRACE) == b"4bf92f3577b34da6a3ce929d0e0e4736"
    assert span_id(TRACE) == b"00f067aa0ba902b7"


@given(st.integers(0, 255))
def test_sampled_is_whose_lowest_flag_is_set(flags: int) -> None:
    assert is_sampled(TRACE[:-2] + b"%02x" % flags) is bool(flags & 1)


@given(st.integers(1, 2**64 - 1), st.sampled_from([b"00", b"01"]))
def test_a_child_is_another_span_of_the_same_trace_and_sampled_alike(span: int, flags: bytes) -> None:
    child = child_of(TRACE[:-2] + flags, span)
    assert valid_traceparent(child) == child
    assert (trace_id(child), int(span_id(child), 16), child[-2:]) == (trace_id(TRACE), span, flags)


def test_of_several_contexts_the_last_counts_and_an_invalid_one_is_none() -> None:
    other = derived_traceparent(b"o1")
    assert found_in([("traceparent", other), ("x", b""), ("traceparent", TRACE)]) == TRACE
    assert found_in([("traceparent", TRACE), ("traceparent", b"bad")]) is None
    assert found_in(None) is None
    assert trace_id_of([("traceparent", TRACE)]) == "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        (b'{"order_id":"o1","user_id":"u1","item":"tea"}', {"order_id": "o1", "user_id": "u1"}),
        (b'{"order_id":7,"user_id":"u1"}', {"user_id": "u1"}),
        (b'{"order_id":"a\\u001b[2J","user_id":"Ann Lee, 5 Main St"}', {}),
        (b"[" * 10_000, {}),
        (b"\xff", {}),
        (None, {}),
    ],
)
def test_of_a_value_nothing_but_well_formed_ids_is_logged(value: bytes | None, ids: dict[str, str]) -> None:
    assert ids_in(value) == ids
