"""The simulated gateway: a verdict belongs to its order, and the shares are those that were asked for."""

import multiprocessing
import sqlite3
import time
from math import sqrt
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import an_order, identifiers

from orderflow.events import Order
from orderflow.events.base import is_identifier
from orderflow.payments.gateway import Charge, GatewayTimeout, SimulatedGateway, idempotency_key
from orderflow.payments.ledger import GatewayLedger
from orderflow.streaming.service import TransientError

MANY = 4000


def charge(gateway: SimulatedGateway, order: Order, attempt: int = 1) -> Charge:
    return gateway.charge(order, idempotency_key(order), attempt)


def answered(gateway: SimulatedGateway, order_id: str, attempt: int = 1) -> Charge | None:
    try:
        return charge(gateway, an_order(order_id), attempt)
    except GatewayTimeout:
        return None


def close_to(rate: float) -> float:
    """Return how far a share of MANY may be off: five standard deviations."""
    return 5 * sqrt(rate * (1 - rate) / MANY)


@given(identifiers, identifiers, st.integers(1, 100))
def test_a_redelivered_order_gets_the_same_answer(order_id: str, user_id: str, attempt: int) -> None:
    first = charge(SimulatedGateway(success_rate=0.5), an_order(order_id, user_id))
    again = charge(SimulatedGateway(success_rate=0.5), an_order(order_id, user_id, "99.00"), attempt)
    assert first == again
    assert is_identifier(first.payment_id)


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.5, 0.8, 1.0])
def test_the_share_of_charged_orders_is_the_success_rate(rate: float) -> None:
    gateway = SimulatedGateway(success_rate=rate)
    charged = sum(charge(gateway, an_order(f"o{n}")).declined is None for n in range(MANY))
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
    assert len({charge(gateway, an_order(order, user)).payment_id for user, order in pairs}) == len(pairs)


def test_no_answer_is_worth_another_attempt() -> None:
    with pytest.raises(TransientError, match="did not answer"):
        charge(SimulatedGateway(success_rate=1, error_rate=1), an_order())


def test_a_call_takes_as_long_as_was_asked_for() -> None:
    started = time.monotonic()
    charge(SimulatedGateway(success_rate=1, latency_seconds=0.02), an_order())
    assert time.monotonic() - started >= 0.02


def test_every_call_is_in_the_ledger_and_every_key_once(tmp_path: Path) -> None:
    ledger = GatewayLedger(tmp_path / "ledger")
    sure, silent = (SimulatedGateway(success_rate=1, error_rate=rate, ledger=ledger) for rate in (0, 1))
    first = charge(sure, an_order("o1"))
    assert charge(sure, an_order("o1"), 2) == first
    with pytest.raises(GatewayTimeout):
        charge(silent, an_order("o2"))
    charge(SimulatedGateway(success_rate=0, ledger=ledger), an_order("o3"))
    ledger.close()
    assert entries(tmp_path / "ledger") == {"u1 o1": (1, 2), "u1 o2": (1, 1), "u1 o3": (0, 1)}


def call_often(file: Path) -> None:
    gateway = SimulatedGateway(success_rate=1, ledger=GatewayLedger(file))
    for number in range(100):
        charge(gateway, an_order(f"o{number % 10}"))


def test_several_workers_share_a_ledger(tmp_path: Path) -> None:
    spawned = multiprocessing.get_context("spawn")
    workers = [spawned.Process(target=call_often, args=(tmp_path / "ledger",)) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert entries(tmp_path / "ledger") == {f"u1 o{number}": (1, 20) for number in range(10)}


def entries(file: Path) -> dict[str, tuple[int, int]]:
    """Return what a ledger says of each key: whether it was charged, and how often it was sent."""
    rows = sqlite3.connect(file).execute("SELECT idempotency_key, charged, calls FROM calls")
    return {key: (charged, calls) for key, charged, calls in rows}
