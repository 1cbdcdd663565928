"""The health endpoint says what the loop's progress says, in HTTP."""

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from orderflow.streaming import metrics
from orderflow.streaming.health import HealthServer, PortTaken
from orderflow.streaming.progress import Progress


class Probed:
    """A served endpoint with the switches a test turns."""

    def __init__(self) -> None:
        self.progress = Progress()
        self.alive = True
        self.server = HealthServer("127.0.0.1", 0, self.progress, lambda: self.alive)

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.server.port}{path}", timeout=20) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def verdict(self, path: str) -> tuple[int, dict[str, str]]:
        status, body = self.get(path)
        return status, json.loads(body)


@pytest.fixture
def probed() -> Iterator[Probed]:
    probed = Probed()
    probed.server.start()
    yield probed
    probed.server.stop()


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


def test_metrics_are_those_of_prometheus(probed: Probed) -> None:
    metrics.RECORDS.labels("health-test").inc(3)
    status, body = probed.get("/metrics")
    assert status == 200
    assert 'orderflow_records_total{service="health-test"} 3.0' in body.splitlines()
    assert "_created" not in body


def test_another_path_says_which_there_are(probed: Probed) -> None:
    status, body = probed.verdict("/")
    assert status == 404
    assert body["reason"] == "try /livez, /readyz or /metrics"


def test_a_taken_port_is_one_sentence_that_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"HEALTH_PORT={port}: Address already in use; choose another"):
            HealthServer("127.0.0.1", port, Progress(), lambda: True)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTaken, match=r"^HEALTH_HOST=192\.0\.2\.1 HEALTH_PORT=0: "):
        HealthServer("192.0.2.1", 0, Progress(), lambda: True)


def test_a_stopped_endpoint_frees_its_port() -> None:
    first = Probed()
    first.server.start()
    port = first.server.port
    first.server.stop()
    second = HealthServer("127.0.0.1", port, Progress(), lambda: True)
    second.start()
    second.stop()
