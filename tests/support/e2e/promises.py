"""What a log has to say after anything that a test did to the system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from support.e2e.system import Sent, System

NEVER = ("lost", "out_of_order", "contradictory", "in_flight")


@contextmanager
def orders_coming_in(
    system: System, seconds: float, *, kafka: float = 80.0, http: float = 20.0, outage: bool = False
) -> Iterator[None]:
    """Send so many orders a second while the block lasts; each of them ends, once.

    With an outage, whoever sends over HTTP may have to give up on some.
    """
    before = system.verdict()
    with (
        system.sending(round(kafka * seconds), rate=kafka, to="kafka") as by_kafka,
        system.sending(round(http * seconds), rate=http) as by_http,
    ):
        yield
        straight = by_kafka.finish(within=seconds + 240)
        through = by_http.finish(within=seconds + 240, all_of_them=not outage)
    after = system.verdict(wait=240)
    assert straight.accepted == round(kafka * seconds)
    check(before, after, through)
    assert after["accepted"] - before["accepted"] >= straight.accepted + through.accepted


def check(before: dict[str, Any], after: dict[str, Any], sent: Sent | None = None) -> None:
    """Fail when an order was lost or doubled.

    One that was sent again, because its answer was missing, may be in the log twice.
    """
    again = sent.again if sent else 0
    assert {name: after[name] for name in NEVER} == dict.fromkeys(NEVER, 0), after
    assert after["duplicated"] - before["duplicated"] <= 2 * again, after
