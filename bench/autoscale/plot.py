"""One picture a trace: the backlog above, the replicas below, a line for every scaler."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.autoscale.contenders import (
    FLINK,
    FLINK_TUNED,
    KEDA,
    KEDA_TUNED,
    NUMAFLOW,
    NUMAFLOW_TUNED,
    OURS,
)
from bench.autoscale.simulation import Run

# A colour for each kind, told apart by people who see red and green alike; defaults are dashed.
COLOURS = {
    OURS: "#0b62d6",
    KEDA: "#d55e00",
    KEDA_TUNED: "#d55e00",
    FLINK: "#008f5d",
    FLINK_TUNED: "#008f5d",
    NUMAFLOW: "#a0529c",
    NUMAFLOW_TUNED: "#a0529c",
}
DASHED = {KEDA, FLINK, NUMAFLOW}
_BUCKETS = 200
_HOUR, _MINUTE = 3600.0, 60.0


def draw(runs: Sequence[Run], path: Path) -> None:
    """Write an SVG of all runs of one trace; the same runs give the same file."""
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("svg")
    # Text as text: smaller and searchable.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "orderflow", "font.size": 9})
    figure, (above, below) = pyplot.subplots(2, 1, figsize=(9, 5.2), sharex=True)
    trace = runs[0].trace
    name, unit = ("hours", _HOUR) if trace.seconds > 4 * _HOUR else ("minutes", _MINUTE)
    # Ours last, so that it lies on top.
    for run in sorted(runs, key=lambda run: run.scaler == OURS):
        _lines(run, above, below, unit)
    above.set_yscale("symlog", linthresh=100)
    above.set_ylim(bottom=0)
    above.set_ylabel("records not handled")
    above.set_title(trace.title, fontsize=10, loc="left")
    below.set_ylabel("replicas")
    below.set_ylim(bottom=0)
    below.set_xlabel(name)
    below.set_xlim(0, trace.seconds / unit)
    for axis in (above, below):
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="#d8dee4", linewidth=0.5)
    handles, labels = above.get_legend_handles_labels()
    figure.legend(handles[::-1], labels[::-1], loc="lower center", ncols=4, fontsize=8, frameon=False)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _lines(run: Run, above: Any, below: Any, unit: float) -> None:
    style = {
        "color": COLOURS[run.scaler],
        "linewidth": 2.0 if run.scaler == OURS else 1.0,
        "linestyle": (0, (3, 2)) if run.scaler in DASHED else "-",
        "alpha": 1.0 if run.scaler == OURS else 0.75,
    }
    backlog = thinned([(point.at / unit, point.backlog) for point in run.points], _BUCKETS)
    above.plot(*zip(*backlog, strict=True), label=run.scaler, **style)
    sizes = _sizes(run)
    below.step([at / unit for at, _ in sizes], [size for _, size in sizes], where="post", **style)


def _sizes(run: Run) -> list[tuple[float, int]]:
    """Return the replicas over time; a run with very many writes as the range of each bucket."""
    if len(run.writes) > _BUCKETS:
        size = len(run.points) // _BUCKETS
        buckets = [run.points[begin : begin + size] for begin in range(0, len(run.points), size)]
        return [
            (bucket[0].at, edge(point.replicas for point in bucket))
            for bucket in buckets
            for edge in (min, max)
        ]
    written = [(write.at, write.after) for write in run.writes]
    last = written[-1][1] if written else run.points[0].replicas
    return [(run.points[0].at, run.points[0].replicas), *written, (run.trace.seconds, last)]


def thinned(points: Sequence[tuple[float, int]], buckets: int) -> list[tuple[float, int]]:
    """Return the highest point of each bucket: a peak must not get lost."""
    size = max(1, len(points) // buckets)
    return [
        max(points[begin : begin + size], key=lambda point: point[1]) for begin in range(0, len(points), size)
    ]
