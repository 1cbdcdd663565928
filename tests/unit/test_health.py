"""A worker's health is what its loop's progress says."""

import json
from typing import Any

import pytest

from orderflow.streaming import metrics
from orderflow.streaming.health import health_pages
from orderflow.streaming.progress import Progress


class Probed:
    """The pages of a worker with the switches a test turns."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.alive = True
        self._pages = health_pages(self.progress, lambda: self.alive)

    def verdict(self, path: str) -> tuple[int, Any]:
        status, body = self.page(path)
        return status, json.loads(body)

    def page(self, path: str) -> tuple[int, str]:
        status, _, body = self._pages[path]()
        return status, body.decode()


@pytest.fixture
def probed() -> Probed:
    return Probed()


def test_a_process_that_has_just_started_is_live_and_not_ready(probed: Probed) -> None:
    assert probed.verdict("/livez") == (200, {"status": "alive"})
    assert probed.verdict("/readyz") == (503, {"status": "failed", "reason": "waits for its first step"})


def test_it_is_ready_once_it_waits_for_nothing(probed: Probed) -> None:
    probed.progress.waits_for = None
    assert probed.verdict("/readyz") == (200, {"status": "ready"})


def test_readiness_names_what_is_missing(probed: Probed) -> None:
    probed.progress.waits_for = "topics that do not exist: orders"
    assert probed.verdict("/readyz")[1]["reason"] == "waits for topics that do not exist: orders"


def test_a_loop_that_stands_still_is_neither_live_nor_ready(probed: Probed) -> None:
    probed.progress.waits_for = None
    probed.alive = False
    still = {"status": "failed", "reason": "the loop makes no progress"}
    assert probed.verdict("/livez") == (503, still)
    assert probed.verdict("/readyz") == (503, still)


def test_a_process_that_is_stopping_is_live_and_not_ready(probed: Probed) -> None:
    probed.progress.waits_for = None
    probed.progress.stopping = True
    assert probed.verdict("/livez")[0] == 200
    assert probed.verdict("/readyz") == (503, {"status": "failed", "reason": "it is stopping"})


def test_metrics_of_a_worker_come_without_the_times_they_were_made_at(probed: Probed) -> None:
    metrics.RECORDS.labels("health-test").inc(3)
    body = probed.page("/metrics")[1]
    assert 'orderflow_records_total{service="health-test"} 3.0' in body.splitlines()
    assert "_created" not in body
