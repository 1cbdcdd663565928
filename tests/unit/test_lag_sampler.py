"""Figures of the lag for requests: from memory, marked when old, and no request waits for the brokers."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self

import pytest
from support.eventually import eventually
from support.lag_reports import P0, report
from support.orders_app import App

from orderflow.orders.lag_sampler import Figures, LagSampler, LagUnknown
from orderflow_lag.errors import AccessDenied, BrokerUnavailable
from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import LogRange


class ToldBroker:
    """Answers what it is told to, or nothing while `silent` is set; counts the looks."""

    def __init__(self) -> None:
        self.looks = 0
        self.failure: Exception | None = None
        self.answers = threading.Event()
        self.answers.set()
        self.killed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.answers.set()

    def look(self) -> list[GroupReport]:
        self.looks += 1
        self.answers.wait(30)
        if self.killed:
            raise BrokerUnavailable("the Kafka client ended")
        if self.failure is not None:
            raise self.failure
        return [report({P0: LogRange(0, 10, 10)}, {P0: 7})]

    def kill(self) -> None:
        self.killed = True
        self.answers.set()


@contextmanager
def sampling(broker: ToldBroker) -> Iterator[LagSampler]:
    sampler = LagSampler(lambda: broker, every_seconds=0.05)
    try:
        yield sampler
    finally:
        sampler.stop()


def ask(sampler: LagSampler) -> Figures:
    return asyncio.run(sampler.figures())


def test_nobody_is_asked_before_somebody_asks() -> None:
    broker = ToldBroker()
    with sampling(broker) as sampler:
        assert broker.looks == 0
        (group,) = ask(sampler).groups
        assert (group.lag, group.partitions[0].committed, group.partitions[0].end) == (3, 7, 10)


def test_a_hundred_questions_at_once_are_one_look() -> None:
    broker = ToldBroker()

    async def ask_often(sampler: LagSampler) -> list[Figures]:
        return await asyncio.gather(*(sampler.figures() for _ in range(100)))

    with sampling(broker) as sampler:
        assert len({figures.moment for figures in asyncio.run(ask_often(sampler))}) == 1


def test_figures_are_looked_at_again_while_somebody_asks() -> None:
    broker = ToldBroker()
    with sampling(broker) as sampler:
        first = ask(sampler)
        eventually(lambda: ask(sampler).moment > first.moment, within=10)


def test_while_the_brokers_are_away_the_last_figures_are_stale_and_there_at_once() -> None:
    broker = ToldBroker()
    with sampling(broker) as sampler:
        fresh = ask(sampler)
        assert not fresh.stale
        broker.failure = BrokerUnavailable("the broker did not answer")
        eventually(lambda: ask(sampler).stale, within=10)
        seen = ask(sampler)
        assert (seen.groups, seen.at, seen.trouble) == (fresh.groups, fresh.at, "the broker did not answer")
        assert seen.age_seconds > 0
        took = []
        for _ in range(10):
            before = time.monotonic()
            ask(sampler)
            took.append(time.monotonic() - before)
        assert min(took) < 0.05
        broker.failure = None
        eventually(lambda: not ask(sampler).stale, within=10)


def test_without_any_answer_the_lag_is_unknown_and_the_reason_is_said() -> None:
    broker = ToldBroker()
    broker.failure = AccessDenied("the broker denied access")
    with sampling(broker) as sampler, pytest.raises(LagUnknown, match="denied access"):
        ask(sampler)


def test_a_look_that_hangs_ends_with_the_process() -> None:
    broker = ToldBroker()
    with sampling(broker) as sampler:
        ask(sampler)
        broker.answers.clear()
        eventually(lambda: broker.looks == 2, within=10)
        before = time.monotonic()
    assert broker.killed
    assert time.monotonic() - before < 2
    assert not [each for each in threading.enumerate() if each.name == "lag-sampler"]


def test_the_answer_tells_age_and_staleness() -> None:
    app, broker = App(), ToldBroker()
    with sampling(broker) as sampler:
        app.lag.told = ask(sampler)
    answer = app.get("/metrics/lag")
    body = answer.json()
    assert (answer.status_code, body["stale"], body["reason"]) == (200, False, None)
    assert body["as_of"] == "1970-01-01T00:01:40.000000Z"
    assert 0 <= body["age_seconds"] < 5
    (group,) = body["groups"]
    assert (group["group"], group["lag"], group["seconds"], group["incomplete"]) == (
        "payment-service",
        3,
        4.25,
        True,
    )


def test_an_unknown_lag_is_a_problem_and_not_zero() -> None:
    answer = App().get("/metrics/lag")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["detail"] == "The broker did not answer."


def test_the_lag_is_for_those_with_a_key() -> None:
    app = App(api_keys="k-1")
    assert app.get("/metrics/lag").status_code == 401
    assert app.get("/metrics/lag", headers={"X-API-Key": "k-1"}).status_code == 503


def test_what_looks_at_the_lag_ends_with_the_process() -> None:
    app = App()
    for end in app.lifecycle.at_end:
        end()
    assert app.lag.stopped
