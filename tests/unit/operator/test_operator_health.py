"""Health: what stalls shows, what moves does not; loops that fail go on."""

import json
import threading

from support.eventually import eventually

from orderflow_operator.health import Vitals, health_pages
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


def test_the_endpoint_says_what_stalls_and_what_it_waits_for() -> None:
    now = [0.0]
    vitals = Vitals(clock=lambda: now[0])
    pages = health_pages(vitals, lambda: {"decisions": []})

    def ask(path: str) -> tuple[int, dict[str, object]]:
        status, _, body = pages[path]()
        return status, json.loads(body)

    assert ask("/healthz") == (200, {"status": "ok"})
    assert ask("/readyz")[0] == 503
    vitals.waits_for = ""
    assert ask("/readyz") == (200, {"status": "ok"})
    assert ask("/decisions") == (200, {"decisions": []})
    vitals.beat("the poll", within=1.0)
    now[0] = 2.0
    stalled = {"status": "failed", "reason": "the poll made no progress for 2 s"}
    assert ask("/healthz") == (503, stalled)
    assert ask("/readyz") == (503, stalled)


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
