"""Amounts: what counts as one, and that nothing is rounded on the way."""

import json
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import amounts

from orderflow.events import InvalidEvent
from orderflow.events.money import MAX_AMOUNT, check_amount, parse_amount


@st.composite
def json_numbers(draw: st.DrawFn) -> str:
    """Any number JSON can write, sensible ones more often than not."""
    whole = draw(st.integers(0, 10**12).map(str))
    fraction = draw(st.just("") | st.from_regex(r"\.[0-9]{1,6}", fullmatch=True))
    exponent = draw(st.just("") | st.from_regex(r"[eE][+-]?[0-9]{1,2}", fullmatch=True))
    return draw(st.sampled_from(["", "", "", "-"])) + whole + fraction + exponent


def takes(number: Decimal) -> bool:
    exponent = number.as_tuple().exponent
    return 0 < number <= MAX_AMOUNT and isinstance(exponent, int) and exponent >= -2


@given(json_numbers())
@example("9999999999.99")
@example("999999999999e-2")
@example("10000000000.00")
@example("0.00")
@example("-0.01")
@example("1e2")
@example("100E-2")
@example("0e99")
def test_a_json_number_is_taken_exactly_or_not_at_all(number: str) -> None:
    json.loads(number)
    expected = Decimal(number)
    for raw in (number.encode(), f'"{number}"'.encode()):
        if takes(expected):
            amount = parse_amount(raw)
            assert amount == expected
            assert amount.as_tuple().exponent == -2
        else:
            with pytest.raises(InvalidEvent):
                parse_amount(raw)


@given(amounts)
def test_what_we_write_we_read(amount: Decimal) -> None:
    assert parse_amount(str(amount).encode()) == amount


@pytest.mark.parametrize(
    ("raw", "problem"),
    [
        pytest.param(b"1.001", "at most two decimal places", id="three places"),
        pytest.param(b"1.000", "at most two decimal places", id="three places though all of them zero"),
        pytest.param(b"1e-3", "at most two decimal places", id="three places by exponent"),
        pytest.param(b"0", "greater than 0", id="zero"),
        pytest.param(b"0.00", "greater than 0", id="zero with places"),
        pytest.param(b"-1", "greater than 0", id="less than zero"),
        pytest.param(b"10000000000", "at most 9999999999.99", id="one more digit than fits"),
        pytest.param(b"9999999999.991", "at most 9999999999.99", id="a little too much"),
        pytest.param(b"1e99", "at most 9999999999.99", id="far too much"),
        pytest.param(b"NaN", "decimal number", id="not a number"),
        pytest.param(b'"NaN"', "decimal number", id="not a number in quotes"),
        pytest.param(b'"Infinity"', "decimal number", id="infinity"),
        pytest.param(b'"1_0"', "decimal number", id="Python's underscore"),
        pytest.param('"\u0661\u0662"'.encode(), "decimal number", id="digits of another script"),
        pytest.param('"\uff11"'.encode(), "decimal number", id="fullwidth digits"),
        pytest.param(b'" 1"', "decimal number", id="space before"),
        pytest.param(b'"1\\n"', "decimal number", id="line break after"),
        pytest.param(b'"1,50"', "decimal number", id="decimal comma"),
        pytest.param(b'"+1"', "decimal number", id="plus sign"),
        pytest.param(b'".5"', "decimal number", id="nothing before the point"),
        pytest.param(b'"01"', "decimal number", id="leading zero"),
        pytest.param(b'"0x10"', "decimal number", id="hexadecimal"),
        pytest.param(b'""', "decimal number", id="nothing in quotes"),
        pytest.param(b"true", "decimal number", id="boolean"),
        pytest.param(b"null", "decimal number", id="null"),
        pytest.param(b"[1]", "decimal number", id="list"),
        pytest.param(b"{}", "decimal number", id="object"),
        pytest.param(b"1" * 100_000, "decimal number", id="more digits than anybody has money"),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(raw: bytes, problem: str) -> None:
    with pytest.raises(InvalidEvent, match=problem) as refused:
        parse_amount(raw, "$.price")
    assert refused.value.path == "$.price"


@given(st.decimals())
@example(Decimal("NaN"))
@example(Decimal("sNaN"))
@example(Decimal("-Infinity"))
@example(Decimal("1E+9999"))
@example(Decimal("1E-9999"))
def test_any_decimal_is_checked_without_arithmetic_errors(amount: Decimal) -> None:
    try:
        checked = check_amount(amount)
    except InvalidEvent:
        assert not amount.is_finite() or not takes(amount)
    else:
        assert checked == amount
        assert str(checked)[-3] == "."


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_an_amount_or_an_invalid_event(raw: bytes) -> None:
    with suppress(InvalidEvent):
        assert 0 < parse_amount(raw) <= MAX_AMOUNT
