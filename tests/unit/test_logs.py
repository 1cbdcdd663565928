"""Log lines: for machines one JSON object each, for eyes nothing that a terminal would obey."""

import io
import json
import logging
from contextlib import AbstractContextManager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from support.logs import HOSTILE, SPELLED_OUT, written_logs

from orderflow_process.logs import Format, configure_logs


def logs(form: Format, level: str = "INFO") -> AbstractContextManager[io.StringIO]:
    """Configure the logs of the Payment Service and collect what they write."""
    return written_logs(lambda: configure_logs("payment-service", level, form))


def objects(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def raise_hostile() -> None:
    raise ValueError(HOSTILE)


def test_a_line_is_one_object_with_the_names_of_the_common_schema() -> None:
    with logs("json") as written:
        structlog.get_logger("worker").warning("dead letter", offset=7, topic="orders")
    (line,) = objects(written)
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "message": "dead letter",
        "log.level": "warning",
        "log.logger": "worker",
        "service.name": "payment-service",
        "offset": 7,
        "topic": "orders",
    }


def test_lines_of_libraries_come_out_the_same_way() -> None:
    with logs("json") as written:
        logging.getLogger("kafka.consumer").error("broker %s is down", "b1")
    (line,) = objects(written)
    assert (line["message"], line["log.level"]) == ("broker b1 is down", "error")
    assert (line["log.logger"], line["service.name"]) == ("kafka.consumer", "payment-service")
    assert line["@timestamp"]


@pytest.mark.parametrize("library", [False, True], ids=["our own", "of a library"])
def test_an_exception_is_part_of_its_line(library: bool) -> None:
    with logs("json") as written:
        log = logging.getLogger("library") if library else structlog.get_logger("ours")
        try:
            raise_hostile()
        except ValueError:
            log.exception("failed")
    (line,) = objects(written)
    assert line["message"] == "failed"
    assert "raise_hostile" in line["error.stack_trace"]


def test_less_severe_lines_than_asked_for_are_left_out() -> None:
    with logs("json", level="WARNING") as written:
        structlog.get_logger("a").info("unheard")
        logging.getLogger("b").info("unheard")
        structlog.get_logger("a").warning("heard")
    assert [line["message"] for line in objects(written)] == ["heard"]


def test_configuring_twice_writes_each_line_once() -> None:
    with logs("json") as written:
        configure_logs("payment-service", "INFO", "json")
        logging.getLogger("library").info("once")
    assert len(objects(written)) == 1


@given(st.text(), st.text())
def test_whatever_a_line_says_it_stays_one_line_of_plain_characters(event: str, value: str) -> None:
    with logs("json") as written:
        structlog.get_logger("a").info(event, item=value)
    line, end = written.getvalue()[:-1], written.getvalue()[-1]
    assert end == "\n"
    assert line.isascii()
    assert line.isprintable()
    told = json.loads(line)
    assert (told["message"], told["item"]) == (event, value)


def test_columns_are_readable_and_obey_nothing() -> None:
    with logs("console") as written:
        structlog.get_logger("worker").info(HOSTILE, item="\x1b[2J", plain="Laptop", count=3)
        logging.getLogger("library").info(HOSTILE)
    ours, library = written.getvalue().splitlines()
    for shown in (SPELLED_OUT, r"item=\x1b[2J", "plain=Laptop", "count=3"):
        assert shown in ours
    assert SPELLED_OUT in library


@given(st.text(), st.text(), st.text())
def test_no_value_breaks_out_of_its_column(event: str, value: str, nested: str) -> None:
    with logs("console") as written:
        structlog.get_logger("worker").info(event, item=value, items=[nested])
    assert written.getvalue().endswith("\n")
    assert written.getvalue()[:-1].isprintable()


def test_a_traceback_in_columns_keeps_its_lines_and_obeys_nothing() -> None:
    with logs("console") as written:
        try:
            raise_hostile()
        except ValueError as error:
            structlog.get_logger("worker").warning("dead letter", exc_info=error)
    shown = written.getvalue()
    assert ", in raise_hostile\n" in shown
    assert r"ValueError: a\x1b[2J" in shown
    assert all(line.isprintable() for line in shown.split("\n"))
