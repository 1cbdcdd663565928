"""A checker that cannot fail proves nothing: one broken part for each guarantee, caught on a real broker.

Each is played twice, the same way but for that part: the healthy twin must pass.
"""

import asyncio
import secrets
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from threading import Event
from typing import Any

import httpx
import pytest
from support.broken import variants
from support.broken.mortal import MortalProducer, die, lose
from support.broken.scene import HEALTHY, Parts, Scene, replaced
from support.brokers import RunningBroker
from support.eventually import eventually
from support.pipeline import Pipeline, orders

from orderflow.orders import intake as intakes
from orderflow.orders.app import create_app
from orderflow.orders.intake import KafkaIntake
from orderflow.orders.settings import OrdersSettings
from orderflow.streaming import lane
from orderflow.streaming.source import Source
from orderflow.verify.report import Report

pytestmark = [pytest.mark.chaos, pytest.mark.xdist_group("broken variants")]

Play = Callable[[Scene, bool], Report]

COUNT = 300
ENOUGH = 1.5  # seconds without a poll until a worker loses its partitions


def offsets_outside_the_transaction(scene: Scene, broken: bool) -> Report:
    part = variants.OffsetsAfterwards if broken else MortalProducer
    return after_a_crash(scene, Parts(partial(part, after=die)))


def offsets_before_the_work(scene: Scene, broken: bool) -> Report:
    source = variants.CommittedOnArrival if broken else Source
    return after_a_crash(scene, Parts(partial(MortalProducer, before=die), source))


def poison_that_is_swallowed(scene: Scene, broken: bool) -> Report:
    part = variants.SwallowsPoison if broken else MortalProducer
    return after_a_crash(scene, Parts(partial(part, after=die)))


def dead_letters_outside_the_transaction(scene: Scene, broken: bool) -> Report:
    part = variants.LettersAtOnce if broken else MortalProducer
    return after_a_crash(scene, Parts(partial(part, before=die)))


def after_a_crash(scene: Scene, parts: Parts) -> Report:
    # Poison first, so that it is in whatever the victim reads.
    poison = [(f"user-{user}", b"no JSON") for user in range(12)]
    scene.pipeline.produce("orders", [*poison, *orders(COUNT)])
    victim = scene.pay(parts)
    victim.join()
    assert victim.died
    scene.finish()
    return scene.verdict()


def notifications_of_uncommitted_payments(scene: Scene, broken: bool) -> Report:
    scene.pipeline.produce("orders", orders(COUNT))
    scene.pay(Parts(partial(MortalProducer, before=die))).join()
    scene.finish(notifier=Parts(source=variants.ReadsUncommitted) if broken else HEALTHY)
    return scene.verdict()


def retries_behind_later_orders(scene: Scene, broken: bool) -> Report:
    scene.pipeline.produce("orders", orders(COUNT, users=7))
    service = scene.payment_service(variants.EveryFifthCallFails())
    scene.finish(variants.to_the_back(service) if broken else service)
    return scene.verdict()


def a_zombie_that_is_not_fenced(scene: Scene, broken: bool) -> Report:
    asleep, awake = Event(), Event()

    def sleep() -> None:
        asleep.set()
        assert awake.wait(60)

    part: Any = MortalProducer
    if broken:
        part = partial(variants.Unfenced, group_id=scene.groups.payments)
    scene.pipeline.produce("orders", orders(COUNT))
    zombie = scene.pay(Parts(partial(part, before=sleep), impatient), name="zombie")
    assert asleep.wait(30)
    successor = scene.pay(HEALTHY)
    scene.wait_for(scene.groups.payments)
    successor.stop()
    awake.set()
    zombie.stop()
    scene.finish()
    return scene.verdict()


def orders_that_come_again(scene: Scene, broken: bool) -> Report:
    for name in ("first", "second"):
        scene.pipeline.produce("orders", orders(COUNT))
        worker = scene.pay(HEALTHY, scene.payment_service(remembers=not broken), name)
        scene.wait_for(scene.groups.payments)
        worker.stop()
    scene.finish()
    return scene.verdict()


def impatient(config: dict[str, Any], *arguments: Any) -> Source:
    return Source(config | {"max.poll.interval.ms": int(ENOUGH * 1000)}, *arguments)


def answers_before_the_commit(scene: Scene, broken: bool) -> Report:
    settings = OrdersSettings(
        kafka_bootstrap_servers=scene.pipeline.bootstrap_servers,
        topic_prefix=scene.pipeline.prefix,
        instance_name=f"{scene.pipeline.prefix}orders",
        api_producers=1,
        api_deadline_seconds=1,
    )
    # It commits a first transaction and loses the second.
    mortal = partial(MortalProducer, before=lose, number=2)
    chosen = variants.AnswersEarly if broken else KafkaIntake
    with replaced((lane, "TransactionalProducer", mortal), (intakes, "KafkaIntake", chosen)):
        intake = intakes.open_intake(settings, 0, pytest.fail)
    intake.start()
    eventually(lambda: intake.is_open, within=30)
    promised = asyncio.run(place_twice(create_app(intake, settings), scene.pipeline))
    intake.stop(0)
    scene.finish()
    assert promised, "the first order was committed, and answered"
    return scene.verdict(promised)


async def place_twice(app: Any, pipeline: Pipeline) -> list[tuple[str, str]]:
    """Place an order, and once that is in the log ten more; return those that were answered 202."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://orders", timeout=30) as http:
        users = [f"user-{number}" for number in range(11)]
        placed = [{"user_id": user, "item": "tea", "quantity": 1} for user in users]
        answers = [await http.post("/orders", json=placed[0])]
        await asyncio.to_thread(eventually, lambda: pipeline.read("orders"), within=20)
        answers += await asyncio.gather(*(http.post("/orders", json=order) for order in placed[1:]))
    return [
        (user, answer.json()["order_id"])
        for user, answer in zip(users, answers, strict=True)
        if answer.status_code == 202
    ]


PLAYS: dict[Play, str] = {
    offsets_outside_the_transaction: "duplicated",
    offsets_before_the_work: "lost",
    poison_that_is_swallowed: "lost",
    dead_letters_outside_the_transaction: "duplicated",
    notifications_of_uncommitted_payments: "duplicated",
    retries_behind_later_orders: "out_of_order",
    a_zombie_that_is_not_fenced: "duplicated",
    orders_that_come_again: "duplicated",
    answers_before_the_commit: "lost",
}


@pytest.fixture(scope="module")
def reports(
    broker: RunningBroker, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[Play, bool], Future[Report]]:
    """What each play shows with its healthy and its broken part: many at once, as they mostly wait.

    Half of them, so that those that have to be quick are not late because of the others.
    """
    folder, prefix = tmp_path_factory.mktemp("broken"), f"b{secrets.token_hex(4)}"

    def perform(number: int, play: Play, broken: bool) -> Report:
        pipeline = Pipeline(broker.bootstrap_servers, f"{prefix}.{number}-{broken}.", folder, partitions=3)
        return play(Scene(pipeline.create_topics()), broken)

    with ThreadPoolExecutor(len(PLAYS)) as stage:
        return {
            (play, broken): stage.submit(perform, number, play, broken)
            for number, play in enumerate(PLAYS)
            for broken in (False, True)
        }


@pytest.mark.parametrize(("play", "fault"), PLAYS.items(), ids=lambda each: getattr(each, "__name__", each))
def test_the_checker_catches(
    play: Play, fault: str, reports: dict[tuple[Play, bool], Future[Report]]
) -> None:
    healthy, broken = reports[play, False].result(), reports[play, True].result()

    assert healthy.ok, healthy
    assert sum(healthy.outcomes.values()) == healthy.accepted
    assert healthy.in_flight == 0
    assert getattr(broken, fault) > 0, broken
    assert healthy.accepted >= broken.accepted > 0
