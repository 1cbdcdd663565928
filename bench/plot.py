"""The picture of the report: throughput and latency side by side, each with its spread."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.results import Results
from bench.stats import Spread

OURS_COLOUR, PEER_COLOUR = "#1f6feb", "#9aa4b2"


def draw(results: Results, path: Path) -> None:
    """Write an SVG with a panel for each of throughput, latency and HTTP that was measured."""
    # Only the report needs it, so that a measurement runs without it.
    import matplotlib as mpl
    from matplotlib import pyplot

    mpl.use("svg")
    # Text as text: smaller, searchable, and the same file for the same figures.
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "orderflow", "font.size": 9})
    panels = [
        ("throughput", "orders_per_second", "thousand orders/s (more is better)", 1e-3),
        ("latency", "p99_ms", "p99 ms at 1,000 orders/s (less is better)", 1.0),
        ("http", "requests_per_second", "POST /orders, answers/s (more is better)", 1.0),
    ]
    measured = [panel for panel in panels if results.contenders(panel[0])]
    figure, axes = pyplot.subplots(1, len(measured), figsize=(4.2 * len(measured), 3.2), squeeze=False)
    for axis, (experiment, name, title, scale) in zip(axes[0], measured, strict=True):
        _bars(axis, _spreads(results, experiment, name), title, scale)
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)


def _spreads(results: Results, experiment: str, figure: str) -> dict[str, Spread]:
    found = {name: results.spread(experiment, name, figure) for name in results.contenders(experiment)}
    return {name: each for name, each in found.items() if each is not None}


def _bars(axis: Any, spreads: dict[str, Spread], title: str, scale: float) -> None:
    """Draw medians as bars, minimum and maximum as whiskers."""
    names = list(reversed(spreads))
    medians = [spreads[name].median * scale for name in names]
    below = [(spreads[name].median - spreads[name].low) * scale for name in names]
    above = [(spreads[name].high - spreads[name].median) * scale for name in names]
    colours = [OURS_COLOUR if name.startswith("orderflow") else PEER_COLOUR for name in names]
    axis.barh(names, medians, xerr=[below, above], color=colours, error_kw={"linewidth": 0.8, "capsize": 2})
    axis.set_title(title, fontsize=9)
    axis.spines[["top", "right"]].set_visible(False)
