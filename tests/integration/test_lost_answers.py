"""A commit whose answer is lost, in a group that changes just then."""

from functools import partial
from threading import Event
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from support.broken.mortal import MortalProducer, lose
from support.broken.scene import Parts, Scene
from support.pipeline import Pipeline, orders

from orderflow.streaming.source import Source


class RevokedOnce(Source):
    """Is told that all its partitions go, with the next fetch after `due`."""

    def __init__(self, *arguments: Any, due: Event) -> None:
        super().__init__(*arguments)
        self._due = due

    def fetch(self, room: int, wait: float) -> None:
        if self._due.is_set():
            self._due.clear()
            gone = [TopicPartition(*partition) for partition in self.assignment.owned]
            self._revoked(self._consumer, gone)
        super().fetch(room, wait)


@pytest.mark.chaos
def test_what_may_be_committed_is_not_taken_back_with_the_partitions(pipeline: Pipeline) -> None:
    scene, lost = Scene(pipeline), Event()

    def lose_the_answer() -> None:
        lost.set()
        lose()

    pipeline.produce("orders", orders(200))
    parts = Parts(partial(MortalProducer, after=lose_the_answer), partial(RevokedOnce, due=lost))
    worker = scene.pay(parts, name="first")
    assert lost.wait(30)
    # The consumer still has its partitions, only the worker does not know: it does nothing any more.
    worker.stop()
    scene.finish()

    report = scene.verdict()
    assert report.ok, report
    assert report.paid + report.declined == 200
