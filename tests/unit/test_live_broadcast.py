"""Who looks on at the events: one reader for all, only while somebody does, and nobody waits for the slow."""

import asyncio
import json
import threading
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from typing import Any

import pytest
from support.eventually import eventually
from support.orders_app import App

from orderflow.orders.live.broadcast import RING_TICKS, Broadcast, Told
from orderflow.orders.settings import OrdersSettings
from orderflow.streaming.batches import Record
from orderflow.streaming.feed import Take
from orderflow.streaming.settings import KafkaSettings


class Topics:
    """What the reading thread reads: records as they are put here."""

    def __init__(self) -> None:
        self.readings = 0
        self.reading = threading.Event()
        self.records: list[Record] = []
        self.problem: str | None = None
        self.stopping = False

    def follow(self, _settings: KafkaSettings, _topics: Mapping[str, int], take: Take) -> None:
        self.readings += 1
        self.reading.set()
        while True:
            coming, self.records = self.records, []
            if not take(coming, self.problem):
                break
            time.sleep(0.01)
        self.reading.clear()

    def place(self, *order_ids: str) -> None:
        self.records += [
            Record(
                ("orders", 0), 0, int(time.time() * 1000), None, b'{"order_id":"%s"}' % each.encode(), None
            )
            for each in order_ids
        ]

    def broadcast(self, linger_seconds: float = 60.0) -> Broadcast:
        return Broadcast(
            OrdersSettings(),
            lambda: self.problem,
            lambda: self.stopping,
            linger_seconds=linger_seconds,
            follow=self.follow,
        )


def run(scene: Callable[[Topics, Broadcast], Coroutine[Any, Any, None]], linger: float = 60.0) -> Topics:
    """Play a scene and make sure that no thread is left of it."""
    topics = Topics()
    broadcast = topics.broadcast(linger)

    async def play() -> None:
        async with asyncio.timeout(20):
            await scene(topics, broadcast)

    try:
        asyncio.run(play())
    finally:
        broadcast.close()
    assert not topics.reading.is_set()
    return topics


async def first_tick(told: AsyncIterator[Told], having: str = "") -> Told:
    """Return the first tick that has a text in it."""
    async for each in told:
        if each.tick is not None and having in each.tick:
            return each
    raise AssertionError("the stream has ended")


def test_two_clients_share_one_reader_and_see_the_same() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined() as one, broadcast.joined() as other:
            topics.place("o1")
            ticks = [await first_tick(broadcast.tell(each, None), "o1") for each in (one, other)]
        assert ticks[0] == ticks[1]

    assert run(scene).readings == 1


def test_nothing_is_read_before_somebody_looks_on() -> None:
    async def scene(topics: Topics, _broadcast: Broadcast) -> None:
        assert not topics.reading.is_set()

    assert run(scene).readings == 0


def test_reading_ends_a_while_after_the_last_client_left_and_begins_again() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined() as watching:
            topics.place("o1")
            seen = await first_tick(broadcast.tell(watching, None), "o1")
        await asyncio.to_thread(eventually, lambda: not topics.reading.is_set(), within=10)
        with broadcast.joined() as watching:
            hello = await anext(broadcast.tell(watching, seen.id))
            assert hello.resumed is False

    assert run(scene, linger=0.05).readings == 2


def test_who_comes_back_in_time_goes_on_behind_the_last_tick_it_saw() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined() as watching:
            topics.place("o1")
            seen = await first_tick(broadcast.tell(watching, None), "o1")
        topics.place("o2")
        with broadcast.joined() as watching:
            told = broadcast.tell(watching, seen.id)
            assert (await anext(told)).resumed
            assert "o1" not in str((await first_tick(told)).tick)

    run(scene)


def test_a_slow_client_is_told_what_it_lost_and_holds_nobody_up() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined() as watching:
            told = broadcast.tell(watching, None)
            await anext(told)
            for number in range(RING_TICKS + 5):
                watching.ring.append(f"tick {number}")
            lost = await anext(told)
            assert lost.lost >= 5
            assert (await anext(told)).tick is not None

    run(scene)


def test_the_records_of_an_order_that_a_client_follows_are_never_left_out() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined(["WEB-"]) as watching:
            topics.place(*(f"o{number}" for number in range(100)), "WEB-1")
            tick = await first_tick(broadcast.tell(watching, None), "WEB-1")
        assert json.loads(str(tick.tick))["counts"] == {"orders": 101}
        assert not broadcast._followed

    run(scene)


def test_every_stream_ends_soon_after_the_service_is_told_to_stop() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        with broadcast.joined() as watching:
            told = broadcast.tell(watching, None)
            await anext(told)
            topics.stopping = True
            async with asyncio.timeout(5):
                assert [each async for each in told if each.tick is None] == []

    run(scene)


def test_a_tick_says_why_nothing_comes() -> None:
    async def scene(topics: Topics, broadcast: Broadcast) -> None:
        topics.problem = "Kafka, which does not answer"
        with broadcast.joined() as watching:
            tick = await first_tick(broadcast.tell(watching, None))
        assert json.loads(str(tick.tick))["problem"] == "Kafka, which does not answer"

    run(scene)


@pytest.mark.parametrize("path", ["/events", "/workers"])
def test_who_has_no_key_sees_nothing(path: str) -> None:
    answer = App(api_keys="secret").get(path, headers={"X-API-Key": "guess"})
    assert (answer.status_code, answer.json()["type"]) == (401, "urn:orderflow:problem:unauthorized")


def test_more_clients_than_may_look_on_are_refused() -> None:
    answer = App(api_event_streams=0).get("/events")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "API_EVENT_STREAMS" in answer.json()["detail"]
