"""Pipelines: topics of one test and the processes that work on them."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.brokers import RunningBroker
from support.command import Command
from support.pipeline import Pipeline


@pytest.fixture
def pipelines(tmp_path: Path) -> Iterator[Callable[[str, str], Pipeline]]:
    """A factory of pipelines by bootstrap servers and prefix; their processes end with the test."""
    made: list[Pipeline] = []

    def make(bootstrap_servers: str, prefix: str) -> Pipeline:
        made.append(Pipeline(bootstrap_servers, prefix, tmp_path))
        return made[-1]

    yield make
    for pipeline in made:
        pipeline.close()


@pytest.fixture
def pipeline(broker: RunningBroker, namespace: str, pipelines: Callable[[str, str], Pipeline]) -> Pipeline:
    """A pipeline with its topics on the broker of the test run."""
    return pipelines(broker.bootstrap_servers, namespace).create_topics()


@pytest.fixture
def command(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """The `orderflow` command."""
    return Command(capfd, monkeypatch)
