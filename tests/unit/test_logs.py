"""Log lines: for machines one JSON object each, for eyes nothing that a terminal would obey."""

import io
import json
import logging
import os
from contextlib import AbstractContextManager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from support.logs import HOSTILE, SPELLED_OUT, Terminal, written_logs

from orderflow_process.logs import Format, configure_logs, readable


def logs(form: Format, level: str = "INFO") -> AbstractContextManager[io.StringIO]:
    """Configure the logs of the Payment Service and collect what they write."""
    return written_logs(lambda: configure_logs("payment-service", level, form))


def objects(written: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.getvalue().splitlines()]


def raise_hostile() -> None:
    raise ValueError(HOSTILE)


def test_a_line_is_one_object_with_the_names_of_the_common_schema() -> None:
    with logs("json") as written:
        structlog.get_logger("worker").warning("dead letter", offset=7, topic="orders", attempts=3, ours="x")
    (line,) = objects(written)
    assert line.pop("@timestamp").endswith("Z")
    assert line == {
        "ecs.version": "8.17.0",
        "message": "dead letter",
        "log.level": "warning",
        "log.logger": "worker",
        "service.name": "payment-service",
        "process.pid": os.getpid(),
        "kafka.offset": 7,
        "kafka.topic": "orders",
        "orderflow.attempts": 3,
        "labels.ours": "x",
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
    assert line["error.type"] == "ValueError"


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
    assert (told["message"], told["labels.item"]) == (event, value)


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


def test_on_a_terminal_lines_are_columns_and_elsewhere_json() -> None:
    with written_logs(lambda: configure_logs("payment-service", form="auto"), Terminal) as written:
        structlog.get_logger("worker").info("seen")
    assert "\x1b[1mseen" in written.getvalue()
    with logs("auto") as written:
        structlog.get_logger("worker").info("seen")
    assert objects(written)[0]["message"] == "seen"


def test_a_line_knows_the_work_at_hand_and_what_it_says_itself_counts_for_more() -> None:
    def context() -> dict[str, object]:
        return {"topic": "orders", "offset": 7}

    with written_logs(lambda: configure_logs("payment-service", instance="p-0", context=context)) as written:
        structlog.get_logger("worker").info("own", offset=8)
        logging.getLogger("library").info("of a library")
    places = [
        (line["kafka.topic"], line["kafka.offset"], line["service.node.name"]) for line in objects(written)
    ]
    assert places == [("orders", 8, "p-0"), ("orders", 7, "p-0")]


def test_a_line_of_a_file_is_shown_as_it_would_be_on_a_terminal() -> None:
    with logs("json") as written:
        try:
            raise_hostile()
        except ValueError as error:
            structlog.get_logger("worker").warning(HOSTILE, exc_info=error, attempts=3, item="\x1b[2J")
    shown = readable(written.getvalue().rstrip("\n"), colours=False)
    for part in (
        "[warning",
        SPELLED_OUT,
        "orderflow.attempts=3",
        r"labels.item=\x1b[2J",
        "in raise_hostile\n",
    ):
        assert part in shown
    assert all(line.isprintable() for line in shown.split("\n"))


@pytest.mark.parametrize("line", ["[2026-11-22] INFO started (kafka.server)", '{"a": 1}', "[1]", "\x00"])
def test_a_line_of_somebody_else_is_shown_as_it_is(line: str) -> None:
    assert readable(line, colours=True) == line
