"""The operator's logs obey nothing that a resource says, and leave out what kopf tells of each object."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from support.logs import HOSTILE, SPELLED_OUT, written_logs

from orderflow_operator.cli.main import begin_logs
from orderflow_operator.settings import OperatorSettings


@pytest.fixture(autouse=True)
def _kopf_as_before() -> Iterator[None]:
    kopf = logging.getLogger("kopf")
    level = kopf.level
    yield
    kopf.setLevel(level)


def test_columns_obey_nothing_that_a_resource_says() -> None:
    with written_logs(lambda: begin_logs(OperatorSettings(log_format="console"))) as written:
        structlog.get_logger("operator").warning("refused", reason=HOSTILE)
        logging.getLogger("kopf.objects").error(HOSTILE)
    ours, of_kopf = written.getvalue().splitlines()
    assert SPELLED_OUT in ours
    assert SPELLED_OUT in of_kopf
    assert written.getvalue().replace("\n", "").isprintable()


def test_lines_are_named_after_the_operator_and_kopf_is_heard_from_warnings_on() -> None:
    with written_logs(lambda: begin_logs(OperatorSettings(log_format="json"))) as written:
        logging.getLogger("kopf.objects").info("Handler 'streamworkers' succeeded.")
        logging.getLogger("kopf.objects").warning("a watch ended")
    (line,) = map(json.loads, written.getvalue().splitlines())
    assert (line["message"], line["service.name"]) == ("a watch ended", "orderflow-operator")
