"""What a log has to say after anything that a test did to the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from support.e2e.system import System

BACKLOG = 10_000  # orders
NEVER = ("lost", "out_of_order", "contradictory", "in_flight")


@contextmanager
def orders_coming_in(system: System, seconds: float, *, outage: bool = False) -> Iterator[None]:
    """Send 100 orders a second while the block lasts, most of them straight to Kafka; each ends, once.

    With an outage all go through the API, whose clients may have to give up on some, and the workers have
    enough to do before it.
    """
    rates = {"http": 30.0} if outage else {"http": 20.0, "kafka": 80.0}
    before = system.verdict()
    if outage:
        with system.sending(BACKLOG, to="kafka") as backlog:
            backlog.finish(within=120)
    with ExitStack() as sendings:
        begun = {
            way: sendings.enter_context(system.sending(round(rate * seconds), rate=rate, to=way))
            for way, rate in rates.items()
        }
        yield
        sent = {way: one.finish(within=seconds + 240, all_of_them=not outage) for way, one in begun.items()}
    after = system.verdict(wait=300)
    check(before, after, again=sum(one.again for one in sent.values()))
    assert after["accepted"] - before["accepted"] >= sum(one.accepted for one in sent.values())


def check(before: dict[str, Any], after: dict[str, Any], *, again: int = 0) -> None:
    """Fail when an order was lost or doubled.

    One that was sent `again`, because its answer was missing, may be in the log twice.
    """
    assert {name: after[name] for name in NEVER} == dict.fromkeys(NEVER, 0), after
    assert after["duplicated"] - before["duplicated"] <= 2 * again, after
