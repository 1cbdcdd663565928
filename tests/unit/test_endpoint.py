"""The endpoint that every process has: a page for each path, and one sentence where that cannot be."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import Counter
from support.endpoint import Probed

from orderflow_process.endpoint import Endpoint, Pages, PortTaken, as_json, metrics, verdict

ASKED = Counter("endpoint_test_asked", "Counted by a test.", ["by"])


PAGES: Pages = {
    "/livez": lambda: verdict("alive"),
    "/readyz": lambda: verdict("ready", "waits for topics that do not exist: orders"),
    "/metrics": metrics,
    "/decisions": lambda: as_json({"decisions": [1, 2]}),
}


class Served(Probed):
    """An endpoint of this process that a test asks."""

    def __init__(self, endpoint: Endpoint) -> None:
        self.port = endpoint.port


@contextmanager
def serving(pages: Pages) -> Iterator[Served]:
    """Serve pages on a free port until the block ends."""
    endpoint = Endpoint("127.0.0.1", 0, pages)
    endpoint.start()
    yield Served(endpoint)
    endpoint.stop()


@pytest.fixture
def served() -> Iterator[Served]:
    with serving(PAGES) as served:
        yield served


def test_a_verdict_is_a_word_or_the_reason_why_not(served: Served) -> None:
    assert served.verdict("/livez") == (200, {"status": "alive"})
    failed = {"status": "failed", "reason": "waits for topics that do not exist: orders"}
    assert served.verdict("/readyz") == (503, failed)


def test_a_page_is_asked_each_time() -> None:
    reasons = ["it is stopping", ""]
    with serving({"/readyz": lambda: verdict("ready", reasons.pop())}) as served:
        assert [served.get("/readyz")[0] for _ in range(2)] == [200, 503]


def test_metrics_are_those_of_prometheus(served: Served) -> None:
    ASKED.labels("a").inc(3)
    ASKED.labels("b").inc(1)
    status, body = served.get("/metrics")
    assert status == 200
    assert 'endpoint_test_asked_total{by="a"} 3.0' in body.splitlines()
    assert served.metric("endpoint_test_asked_total") == 4


def test_other_pages_are_json(served: Served) -> None:
    assert served.verdict("/decisions") == (200, {"decisions": [1, 2]})


@pytest.mark.parametrize(
    ("paths", "said"),
    [
        pytest.param(["/livez", "/readyz", "/metrics"], "try /livez, /readyz or /metrics", id="several"),
        pytest.param(["/decisions"], "try /decisions", id="one"),
    ],
)
def test_another_path_says_which_there_are(paths: list[str], said: str) -> None:
    with serving(dict.fromkeys(paths, metrics)) as served:
        assert served.verdict("/") == (404, {"status": "failed", "reason": said})


def test_a_taken_port_is_one_sentence_that_says_what_to_do() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(PortTaken, match=rf"HEALTH_PORT={port}: Address already in use; choose another"):
            Endpoint("127.0.0.1", port, PAGES)


def test_an_address_that_is_not_ours_is_named() -> None:
    with pytest.raises(PortTaken, match=r"^HEALTH_HOST=192\.0\.2\.1 HEALTH_PORT=0: "):
        Endpoint("192.0.2.1", 0, PAGES)


@pytest.mark.parametrize("started", [True, False])
def test_a_stopped_endpoint_frees_its_port(started: bool) -> None:
    first = Endpoint("127.0.0.1", 0, PAGES)
    if started:
        first.start()
    first.stop()
    Endpoint("127.0.0.1", first.port, PAGES).stop()
