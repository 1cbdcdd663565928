"""The command of the chaos run: it fails where a promise was broken, and says how to see that again."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from support.chaos import __main__ as command
from support.chaos.run import Chaos, Outcome, Plan
from support.chaos.verdict import Evidence

from orderflow.verify.report import Report

GOOD = Outcome(
    Report(accepted=10, paid=8, rejected=2, dead_lettered=2),
    Evidence(promised=8, foreign=0, poison=2),
    happened=Counter({"poison": 1}),
    answers=Counter({202: 8, 503: 3}),
    surprises=(),
)

Run = Callable[[Outcome], tuple[int, list[str]]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run the command as if that had come of it; return its exit code and what it printed."""

    def ended(outcome: Outcome) -> tuple[int, list[str]]:
        monkeypatch.setattr(command, "FOLDER", tmp_path)
        monkeypatch.setattr(command, "obtain", lambda: None)
        monkeypatch.setattr(command, "prepare", lambda _distribution: None)
        monkeypatch.setattr(Chaos, "perform", lambda _chaos: outcome)
        with pytest.raises(SystemExit) as end:
            command.main(seed=7, duration=60, rate=100, most=8)
        return int(end.value.code or 0), capsys.readouterr().out.splitlines()

    return ended


def test_a_run_without_violation_passes(run: Run) -> None:
    code, lines = run(GOOD)
    assert code == 0
    assert lines[-1] == "seed 7: no violation; again: make chaos SEED=7 DURATION=60"
    assert "8 answered 202 + 0 foreign + 2 poison = 10 written, 10 in the log; 3 requests sent again" in lines


def test_a_violation_is_the_exit_code_and_is_named(run: Run) -> None:
    code, lines = run(replace(GOOD, report=replace(GOOD.report, duplicated=1)))
    assert code == 1
    assert "VIOLATED: 1 duplicated" in lines
    assert lines[-1] == "seed 7: VIOLATED; again: make chaos SEED=7 DURATION=60"


def test_what_was_chosen_is_in_the_command_that_runs_it_again() -> None:
    assert command.again(Plan(3, 90.0, rate=60.0, most=3)) == (
        'make chaos SEED=3 DURATION=90 ARGS="--rate 60 --most 3"'
    )
