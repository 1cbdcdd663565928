"""What the supervisor keeps on disk: its state and the logs of its processes."""

from pathlib import Path

import pytest

from orderflow_local import state
from orderflow_local.kafka.config import BrokerSpec, render, server_properties
from orderflow_local.logs import Tail, last_line, rotate
from orderflow_local.state import ProcessState, RunState
from orderflow_local.status import uptime

RUN = RunState("run", 12, "127.0.0.1:1", "http://127.0.0.1:8000").with_process(
    ProcessState("payments-0", 1, 13, 9100, "http://127.0.0.1:9100", 1.5, restarts=2)
)


def test_a_state_is_read_as_it_was_written(tmp_path: Path) -> None:
    state.save(tmp_path / "state.json", RUN)
    assert state.load(tmp_path / "state.json") == RUN


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"processes": {}}', '{"run_id": 1, "processes": {"a": 3}}']
)
def test_what_is_not_a_state_is_no_state(text: str) -> None:
    assert state.parse(text) is None


def test_a_missing_state_is_no_state(tmp_path: Path) -> None:
    assert state.load(tmp_path / "state.json") is None


def test_a_log_is_moved_aside_once_it_is_too_large_and_its_writer_goes_on(tmp_path: Path) -> None:
    log = tmp_path / "orders-0.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(5):
            writer.write(b"%d" % number * 20 + b"\n")
            assert rotate(log, limit=10, kept=2)
        writer.write(b"after\n")
    assert not rotate(log, limit=10)
    assert log.read_text() == "after\n"
    assert (tmp_path / "orders-0.log.1").read_text() == "4" * 20 + "\n"
    assert (tmp_path / "orders-0.log.2").read_text() == "3" * 20 + "\n"
    assert not (tmp_path / "orders-0.log.3").exists()


def test_following_a_log_yields_complete_lines_once_also_across_a_rotation(tmp_path: Path) -> None:
    log = tmp_path / "orders-0.log"
    log.write_text("one\ntwo\nthree\n")
    tail = Tail(log, lines=2)
    assert tail.read() == ["two", "three"]
    with log.open("a") as writer:
        writer.write("four\nfi")
    assert tail.read() == ["four"]
    log.write_text("five\n")
    assert tail.read() == ["five"]


def test_the_last_line_skips_blank_ones(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("first\nwhy it ended\n\n")
    assert last_line(tmp_path / "a.log") == "why it ended"
    assert last_line(tmp_path / "none.log") == "it wrote nothing"


def test_a_last_line_for_machines_is_told_as_one_for_eyes(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text(
        '{"@timestamp": "2026-01-01T12:00:00Z", "message": "giving up", "log.level": "critical", '
        '"event.reason": "a twin", "service.name": "order-service", "process.pid": 7}\n'
    )
    told = last_line(tmp_path / "a.log")
    assert ("critical" in told, "giving up" in told, "event.reason='a twin'" in told) == (True, True, True)
    assert "order-service" not in told


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.9, "0s"), (69, "1m 9s"), (7500, "2h 5m"), (273_600, "3d 4h")]
)
def test_an_uptime_has_its_two_largest_units(seconds: float, text: str) -> None:
    assert uptime(seconds) == text


def test_the_broker_is_configured_for_loopback_only() -> None:
    spec = BrokerSpec(Path("/data"), Path("/logs"), port=1, controller_port=2)
    properties = server_properties(spec)
    listeners = properties["listeners"].split(",")
    assert [one.split("://")[1] for one in listeners] == ["127.0.0.1:1", "127.0.0.1:2"]


def test_a_backslash_in_a_path_survives_the_properties_format() -> None:
    assert render({"log.dirs": r"C:\kafka"}) == "log.dirs=C:\\\\kafka\n"
