"""The page about autoscaling: what is generated is replaced, what is written stays, nothing is missing."""

import re
from pathlib import Path

import pytest

from bench.autoscale.contenders import CONTENDERS, KEDA, OURS
from bench.autoscale.plot import thinned
from bench.autoscale.report import BEGIN, END, summary_rows, table_rows, with_generated
from bench.autoscale.scores import flaps
from bench.autoscale.simulation import Point, Run, Write, simulate
from bench.autoscale.traces import TRACES, trace

PAGE = Path(__file__).parents[3] / "docs" / "autoscaling.md"


def run(scaler: str, *, late: int, replicas: int) -> Run:
    """Return a run of 600 s that was late for some seconds."""
    points = [Point(float(at), 0, 31.0 if at < late else 1.0, replicas, replicas) for at in range(600)]
    return Run(trace("burst"), scaler, points, [], 0, replicas * 600.0)


def test_only_the_part_between_the_marks_is_replaced() -> None:
    page = f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n"

    assert with_generated(page, "new") == f"Before.\n{BEGIN}\n\nnew\n\n{END}\nAfter.\n"


def test_a_page_without_the_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="lacks the lines"):
        with_generated("nothing here", "new")


def test_a_peer_is_better_only_at_no_more_replica_minutes() -> None:
    ours, cheap = run(OURS, late=20, replicas=4), run(KEDA, late=10, replicas=4)
    costly = run("KEDA + HPA, tuned", late=0, replicas=5)

    assert summary_rows({"burst": [ours, cheap, costly]})[0][-1] == KEDA
    assert table_rows([ours])[0] == [OURS, "20", "-", "-", "0", "0", "0", "40.0"]


def test_a_peak_survives_thinning() -> None:
    assert max(thinned([(float(at), at == 777) for at in range(1000)], 100), key=lambda one: one[1])[1]


def test_flaps_need_a_write_down_before() -> None:
    assert flaps([Write(0, 1, 2), Write(10, 2, 3)]) == 0


def test_the_page_has_every_scaler_on_every_trace_and_its_picture() -> None:
    page = PAGE.read_text()

    for one in TRACES:
        section = page.split(f"## {one.title}\n")[1].split("\n## ")[0]
        assert f"images/autoscale-{one.name}.svg" in section
        rows = re.findall(r"^\| \**([^|*]+?)\** \|", section, re.MULTILINE)
        assert [row for row in rows if row in CONTENDERS] == list(CONTENDERS)


def test_the_page_is_what_the_simulator_gives() -> None:
    keda = simulate(trace("burst"), CONTENDERS[KEDA](trace("burst")))

    assert f"| {' | '.join(table_rows([keda])[0])} |" in PAGE.read_text()
