"""The simulated gateway: a verdict belongs to its order, and the shares are those that were asked for."""

import time
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import an_order, identifiers

from orderflow.events.base import is_identifier
from orderflow.payments.gateway import Charge, GatewayTimeout, SimulatedGateway
from orderflow.streaming.service import TransientError

MANY = 4000


def answered(gateway: SimulatedGateway, order_id: str, attempt: int = 1) -> Charge | None:
    try:
        return gateway.charge(an_order(order_id), attempt)
    except GatewayTimeout:
        return None


def close_to(rate: float) -> float:
    """Return how far a share of MANY may be off: five standard deviations."""
    return 5 * sqrt(rate * (1 - rate) / MANY)


@given(identifiers, identifiers, st.integers(1, 100))
def test_a_redelivered_order_gets_the_same_answer(order_id: str, user_id: str, attempt: int) -> None:
    first = SimulatedGateway(success_rate=0.5).charge(an_order(order_id, user_id), 1)
    again = SimulatedGateway(success_rate=0.5).charge(an_order(order_id, user_id, "99.00"), attempt)
    assert first == again
    assert is_identifier(first.payment_id)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 0.8, 1.0])
def test_the_share_of_charged_orders_is_the_success_rate(rate: float) -> None:
    gateway = SimulatedGateway(success_rate=rate)
    charged = sum(gateway.charge(an_order(f"o{n}"), 1).declined is None for n in range(MANY))
    assert charged / MANY == pytest.approx(rate, abs=close_to(rate))


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("attempt", [1, 2])
def test_the_share_of_unanswered_calls_is_the_error_rate_at_every_attempt(rate: float, attempt: int) -> None:
    gateway = SimulatedGateway(success_rate=1, error_rate=rate)
    unanswered = sum(answered(gateway, f"o{n}", attempt) is None for n in range(MANY))
    assert unanswered / MANY == pytest.approx(rate, abs=close_to(rate))


def test_a_call_that_was_not_answered_may_be_the_next_time() -> None:
    gateway = SimulatedGateway(success_rate=1, error_rate=0.5)
    twice = sum(
        answered(gateway, f"o{n}", 1) is None and answered(gateway, f"o{n}", 2) is None for n in range(MANY)
    )
    assert twice / MANY == pytest.approx(0.25, abs=close_to(0.25)), "attempts fail independently"


def test_an_unanswered_call_changes_nothing_about_the_verdict() -> None:
    sure, shaky = SimulatedGateway(success_rate=0.5), SimulatedGateway(success_rate=0.5, error_rate=0.5)
    answers = {n: answered(shaky, f"o{n}") for n in range(200)}
    assert {answer is None for answer in answers.values()} == {True, False}
    assert all(answer == answered(sure, f"o{n}") for n, answer in answers.items() if answer)


def test_the_verdict_is_of_the_user_and_the_order_together() -> None:
    gateway = SimulatedGateway(success_rate=0.5)
    pairs = [("a", "b"), ("b", "a"), ("c", "b"), ("ab", "c"), ("a", "bc")]
    assert len({gateway.charge(an_order(order, user), 1).payment_id for user, order in pairs}) == len(pairs)


def test_no_answer_is_worth_another_attempt() -> None:
    with pytest.raises(TransientError, match="did not answer"):
        SimulatedGateway(success_rate=1, error_rate=1).charge(an_order(), 1)


def test_a_call_takes_as_long_as_was_asked_for() -> None:
    started = time.monotonic()
    SimulatedGateway(success_rate=1, latency_seconds=0.02).charge(an_order(), 1)
    assert time.monotonic() - started >= 0.02
