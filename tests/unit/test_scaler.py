"""GET /workers: what whoever scales the workers says, or why it is not known."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from support.orders_app import App

from orderflow.orders.scaler import Scaler, decisions_url
from orderflow_local.net import free_port
from orderflow_process.endpoint import Endpoint, as_json

DECISION = {
    "name": "payments",
    "group": "payment-service",
    "observedReplicas": 2,
    "readyReplicas": 1,
    "lag": 5459,
    "lagSeconds": 12.1,
    "decision": {"at": 1.5, "replicas": 4, "reason": "MaxReplicas", "message": "4 replicas: 5,459 behind."},
}


@contextmanager
def scaler(*answers: object) -> Iterator[str]:
    """Serve answers, one after the other; yield where."""
    left = list(answers)
    endpoint = Endpoint("127.0.0.1", 0, {"/decisions": lambda: as_json(left.pop(0))})
    endpoint.start()
    yield f"http://127.0.0.1:{endpoint.port}"
    endpoint.stop()


def test_the_workers_are_told_with_the_reason() -> None:
    with scaler({"decisions": [DECISION]}) as url:
        (worker,) = App(scaler_url=url).get("/workers").json()["workers"]
    assert (worker["name"], worker["replicas"], worker["ready"], worker["desired"]) == ("payments", 2, 1, 4)
    assert (worker["reason"], worker["message"]) == ("MaxReplicas", "4 replicas: 5,459 behind.")
    assert (worker["lag"], worker["lag_seconds"]) == (5459, 12.1)


def test_the_scaler_is_asked_once_a_second_however_many_want_to_know() -> None:
    async def ask_often(url: str) -> None:
        asked = Scaler(url)
        await asked.workers()
        assert [len(await asked.workers()) for _ in range(5)] == [1] * 5

    with scaler({"decisions": [DECISION]}) as url:
        asyncio.run(ask_often(url))


@pytest.mark.parametrize(
    "answer",
    [{"else": 1}, {"decisions": [{}]}, ["no"], {"decisions": 7}],
    ids=["other", "empty", "list", "7"],
)
def test_an_answer_without_decisions_is_said(answer: object) -> None:
    with scaler(answer) as url:
        refused = App(scaler_url=url).get("/workers")
    assert refused.status_code == 503
    assert "something else than decisions" in refused.json()["detail"]


def test_a_scaler_that_is_away_is_said_with_its_address() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    refused = App(scaler_url=url).get("/workers")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert url in refused.json()["detail"]


def test_without_a_scaler_the_setting_is_named() -> None:
    told = App().get("/workers").json()
    assert told["workers"] == []
    assert "SCALER_URL" in told["reason"]


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("http://operator:8080", "http://operator:8080/decisions"),
        ("http://operator:8080/", "http://operator:8080/decisions"),
        ("http://127.0.0.1:4711/decisions", "http://127.0.0.1:4711/decisions"),
    ],
)
def test_the_decisions_lie_below_the_endpoint(given: str, asked: str) -> None:
    assert decisions_url(given) == asked
