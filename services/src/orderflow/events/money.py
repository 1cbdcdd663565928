"""Amounts of money: exact inside, a JSON number with two places outside."""

import re
from decimal import Decimal

from orderflow.events.base import InvalidEvent

CENT = Decimal("0.01")
MAX_AMOUNT = Decimal("9999999999.99")

# One pass over what nearly every order carries; everything else takes the slower road below.
_plain = re.compile(rb'"?((?:0|[1-9][0-9]{0,9})(?:(\.[0-9]{2})|\.[0-9])?)"?')
_number = re.compile(rb'"?(-?(?:0|[1-9][0-9]{0,40})(?:\.[0-9]{1,40})?(?:[eE][+-]?[0-9]{1,2})?)"?')


def parse_amount(raw: bytes, path: str = "$.amount") -> Decimal:
    """Return the amount that a JSON number, or the same in quotes, stands for; raise InvalidEvent otherwise.

    0 < amount <= 9999999999.99 with at most two decimal places.
    """
    plain = _plain.fullmatch(raw)
    if plain is None:
        return _explain(raw, path)
    amount = Decimal(plain[1].decode())
    if not amount:
        raise InvalidEvent("must be greater than 0", path)
    return amount if plain[2] else amount.quantize(CENT)


def _explain(raw: bytes, path: str) -> Decimal:
    number = _number.fullmatch(raw)
    if number is None:
        raise InvalidEvent("Expected a decimal number or the same in quotes", path)
    return check_amount(Decimal(number[1].decode()), path)


def check_amount(amount: Decimal, path: str = "$.amount") -> Decimal:
    """Return `amount` with two places if it is one we take; raise InvalidEvent otherwise."""
    if not amount.is_finite():
        raise InvalidEvent("must be a finite number", path)
    if amount <= 0:
        raise InvalidEvent("must be greater than 0", path)
    if amount > MAX_AMOUNT:
        raise InvalidEvent(f"must be at most {MAX_AMOUNT}", path)
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -2:
        raise InvalidEvent("must have at most two decimal places", path)
    return amount.quantize(CENT)
