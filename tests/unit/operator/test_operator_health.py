"""Health: what stalls shows, what moves does not; loops that fail go on."""

import json
import threading
import urllib.error
import urllib.request

import pytest
from support.eventually import eventually

from orderflow_operator.health import HealthServer, PortTaken, Vitals
from orderflow_operator.loop import Loop


def test_what_makes_progress_in_time_is_not_stalled() -> None:
    now = [0.0]
    vitals = Vitals(clock=lambda: now[0])
    vitals.beat("the poll", within=15.0)
    now[0] = 15.0
    assert vitals.stalled() == []
    now[0] = 16.0
    assert vitals.stalled() == ["the poll made no progress for 16 s"]
    vitals.beat("the poll", within=15.0)
    assert vitals.stalled() == []


def test_what_ended_on_purpose_is_not_waited_for() -> None:
    now = [0.0]
    vitals = Vitals(clock=lambda: now[0])
    vitals.beat("the poll", within=15.0)
    vitals.forget("the poll")
    now[0] = 100.0
    assert vitals.stalled() == []


def ask(server: HealthServer, path: str) -> tuple[int, dict[str, object]]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.port}{path}", timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def test_the_endpoint_says_what_stalls_and_what_it_waits_for() -> None:
    now = [0.0]
    vitals = Vitals(clock=lambda: now[0])
    server = HealthServer("127.0.0.1", 0, vitals, lambda: {"decisions": []})
    server.start()
    try:
        assert ask(server, "/healthz") == (200, {"status": "ok"})
        assert ask(server, "/readyz")[0] == 503
        vitals.waits_for = ""
        assert ask(server, "/readyz") == (200, {"status": "ok"})
        assert ask(server, "/decisions") == (200, {"decisions": []})
        assert ask(server, "/other")[0] == 404
        vitals.beat("the poll", within=1.0)
        now[0] = 2.0
        status, body = ask(server, "/healthz")
        assert (status, body["reason"]) == (503, "the poll made no progress for 2 s")
        with pytest.raises(PortTaken, match="HEALTH_PORT"):
            HealthServer("127.0.0.1", server.port, vitals, dict)
    finally:
        server.stop()


def test_a_loop_that_fails_makes_no_progress_but_goes_on() -> None:
    now, calls = [0.0], list[int]()
    vitals, third = Vitals(clock=lambda: now[0]), threading.Event()

    def work() -> None:
        calls.append(len(calls))
        now[0] += 10.0
        if len(calls) >= 3:
            third.set()
        raise RuntimeError("always")

    loop = Loop("the poll", work, 0.01, vitals, within=15.0)
    loop.start()
    assert third.wait(5)
    assert vitals.stalled()
    loop.stop()
    loop.join(5)
    assert vitals.stalled() == []


def test_a_loop_that_is_woken_does_not_wait_for_its_interval() -> None:
    calls = list[int]()
    loop = Loop("the poll", lambda: calls.append(1), 60.0, Vitals(), within=100.0)
    loop.start()
    eventually(lambda: len(calls) == 1, within=5)
    loop.wake()
    eventually(lambda: len(calls) == 2, within=5)
    loop.stop()
    loop.join(5)
