"""Made-up orders: valid, repeatable, of the users asked for."""

from decimal import Decimal

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from support.builders import NOON

from orderflow.cli.generator import Draft, from_lines, made_up, paced
from orderflow.cli.tally import Tally
from orderflow.events import place_order
from orderflow.events.base import is_identifier
from orderflow.events.orders import decode_form


@given(count=st.integers(0, 50), users=st.integers(1, 10), seed=st.integers())
def test_every_made_up_order_is_one_the_services_take(count: int, users: int, seed: int) -> None:
    drafts = list(made_up(count, users=users, seed=seed))
    assert [draft.number for draft in drafts] == list(range(1, count + 1))
    for draft in drafts:
        placed = place_order(
            decode_form(draft.body), order_id="o1", received_at=NOON, unit_price=Decimal("1.00")
        )
        assert placed.user_id in {f"user-{number}" for number in range(1, users + 1)}
        assert is_identifier(draft.key)


def test_the_same_seed_makes_the_same_orders_and_another_one_others() -> None:
    assert list(made_up(20, users=5, seed=1)) == list(made_up(20, users=5, seed=1))
    assert list(made_up(20, users=5, seed=1)) != list(made_up(20, users=5, seed=2))


def test_both_forms_are_made() -> None:
    bodies = [msgspec.json.decode(draft.body) for draft in made_up(8, users=5, seed=1)]
    assert sum("quantity" in body for body in bodies) == 2
    assert sum("amount" in body for body in bodies) == 6


def test_lines_of_a_file_keep_their_numbers_and_no_two_share_a_key() -> None:
    drafts = list(from_lines([b'{"a":1}\r\n', b"  \n", b'{"a":2}'], seed=1))
    assert [(draft.number, draft.body) for draft in drafts] == [(1, b'{"a":1}'), (3, b'{"a":2}')]
    assert isinstance(drafts[0], Draft)
    assert drafts[0].key != drafts[1].key


def test_orders_are_due_at_a_steady_rate_or_at_once() -> None:
    steady = paced(made_up(3, users=1, seed=1), 50, start=10.0)
    assert [due for _, due in steady] == [10.0, 10.02, 10.04]
    assert {due for _, due in paced(made_up(3, users=1, seed=1), None, start=10.0)} == {10.0}


def test_a_tally_keeps_the_first_reason_and_adds_up() -> None:
    tally = Tally()
    tally.accept(0.010)
    tally.accept(0.020)
    tally.refuse(3, "no")
    tally.refuse(4, "never")
    assert (tally.done, tally.first_refusal) == (4, "order 3: no")
    assert tally.sentence(2.0).startswith("2 orders accepted in 2.0 s (1/s), p50 15 ms")
