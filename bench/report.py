"""Tables and a plot from build/bench.json: on the console, and as docs/performance.md."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.contenders import (
    BARE,
    OURS,
    OURS_FORGETFUL,
    OURS_RETRYING,
    OURS_TRACED,
    OURS_TWICE,
    OURS_WAITING,
    QUIX,
    QUIX_QUICK,
    STREAMS,
    STREAMS_TUNED,
)
from bench.plot import draw
from bench.ratios import RATIOS
from bench.results import Results, load_results
from bench.stats import Spread, paired_ratios, spread

PAGE = Path("docs/performance.md")
PLOT = Path("docs/images/performance.svg")
THROUGHPUT = (OURS, OURS_TRACED, OURS_FORGETFUL, OURS_RETRYING, QUIX, STREAMS, BARE, OURS_TWICE)
QUESTIONS = ("/orders/{order_id}", "/stats/payments")
LATENCY = (OURS, OURS_WAITING, QUIX_QUICK, STREAMS, STREAMS_TUNED, BARE)

# More than this many cores' worth of work by others during a run, and the run is no basis for a ratio.
QUIET_CORES = 0.15


@dataclass(frozen=True, slots=True)
class Column:
    """One figure of a table; `scale` and `digits` bring it into the unit of its title."""

    title: str
    figure: str
    scale: float = 1.0
    digits: int = 1


_FOREIGN = Column("foreign cores", "foreign_cores", digits=2)
_COST = (
    Column("CPU ms/order", "cpu_ms_per_order", digits=4),
    Column("broker CPU ms/order", "broker_cpu_ms_per_order", digits=4),
)
_WAITS = (Column("p50 ms", "p50_ms"), Column("p99 ms", "p99_ms"))

COLUMNS: dict[str, tuple[Column, ...]] = {
    "throughput": (
        Column("thousand orders/s", "orders_per_second", 1e-3),
        *_COST,
        Column("RSS MiB a process", "rss_mib", digits=0),
        _FOREIGN,
    ),
    "latency": (*_WAITS, *_COST, _FOREIGN),
    "http": (
        Column("answers/s", "requests_per_second", digits=0),
        *_WAITS,
        Column("refused", "refused", digits=0),
        Column("CPU ms/request", "cpu_ms_per_request", digits=3),
        _FOREIGN,
    ),
    "memory": (
        Column("peak MiB", "peak_mib", digits=0),
        Column("second quarter MiB", "second_quarter_mib", digits=0),
        Column("last quarter MiB", "last_quarter_mib", digits=0),
        _FOREIGN,
    ),
    "queries": (*_WAITS, Column("CPU ms/request", "cpu_ms_per_request", digits=2), _FOREIGN),
    "window": (
        Column("ms a partition", "window_ms_per_partition", digits=0),
        Column("seconds in all", "window_seconds", digits=2),
        Column("thousand orders", "window_orders", 1e-3, digits=0),
        Column("MiB", "window_mib", digits=0),
    ),
    "intake": (
        Column("thousand records/s", "records_per_second", 1e-3),
        Column("CPU us/record", "cpu_us_per_record"),
        Column("RSS MiB", "rss_mib", digits=0),
        Column("bytes on disk/order", "bytes_per_order", digits=0),
        _FOREIGN,
    ),
}

TITLES = {
    "throughput": "Exactly-once throughput: a backlog of orders into payments and order statuses",
    "latency": "Exactly-once latency at 1,000 orders/s: produced until its payment is readable",
    "http": "POST /orders over 64 and 256 keep-alive connections, one process",
    "memory": "Memory of a worker that works off a long backlog",
    "queries": "Questions, 200 a second, with a million orders in the tables (SQLite)",
    "window": "Reading back which orders were settled last, by a worker that gains all 12 partitions",
    "intake": "Records of all topics into the tables of analytics, SQLite; target: 20,000 a second",
}


def table_rows(results: Results, experiment: str) -> list[list[str]]:
    """Return one row a contender: its name, then min / median / max of each figure."""
    return [
        [
            name,
            *(
                _cell(results.spread(experiment, name, column.figure), column)
                for column in COLUMNS[experiment]
            ),
        ]
        for name in results.contenders(experiment)
    ]


def ratio_rows(results: Results) -> list[list[str]]:
    """Return the ratios of rounds that were measured side by side, with their targets."""
    rows = []
    for ratio in RATIOS:
        ours = results.rounds(ratio.experiment, ratio.ours, ratio.figure)
        theirs = results.rounds(ratio.experiment, ratio.theirs, ratio.figure)
        if values := paired_ratios(ours, theirs):
            rows.append([ratio.title, _cell(spread(values), Column("", "", digits=2)), ratio.target])
    return rows


def contended(results: Results) -> int:
    """Return how many runs had somebody else's work beside them."""
    return sum(run.figures.get("foreign_cores", 0.0) > QUIET_CORES for run in results.runs)


def print_tables(results: Results, console: Console) -> None:
    """Print every table; a warning where the machine was not ours alone."""
    for experiment in COLUMNS:
        if rows := table_rows(results, experiment):
            console.print(_table(TITLES[experiment], _header(experiment), rows))
    console.print(_table("Ratios", ["ratio", "min / median / max", "target"], ratio_rows(results)))
    if count := contended(results):
        console.print(
            f"{count} of {len(results.runs)} runs were not alone on this machine (foreign cores above "
            f"{QUIET_CORES}): repeat them when it is quiet.",
            style="yellow",
        )


def write(results: Results) -> None:
    """Write the page and the plot."""
    PLOT.parent.mkdir(parents=True, exist_ok=True)
    draw(results, PLOT)
    template = (Path(__file__).parent / "performance.md.in").read_text()
    tables = [
        f"## {TITLES[name]}\n\n{_markdown(_header(name), rows)}"
        for name in COLUMNS
        if (rows := table_rows(results, name))
    ]
    ratios = _markdown(["ratio", "min / median / max", "target"], ratio_rows(results))
    machine = ", ".join(f"{name} {value}" for name, value in results.machine.items())
    PAGE.write_text(
        template.format(
            machine=machine,
            rounds=results.settings["rounds"],
            orders=f"{results.settings['orders']:,}",
            warm=f"{results.settings['warm']:,}",
            contended=contended(results),
            runs=len(results.runs),
            ratios=ratios,
            tables="\n\n".join(tables),
        )
    )


def _header(experiment: str) -> list[str]:
    return ["", *(column.title for column in COLUMNS[experiment])]


def _cell(found: Spread | None, column: Column) -> str:
    if found is None:
        return "-"
    low, median, high = (
        f"{value * column.scale:,.{column.digits}f}" for value in (found.low, found.median, found.high)
    )
    return f"{low} / **{median}** / {high}"


def _table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left", expand=False)
    for number, text in enumerate(header):
        table.add_column(text, justify="right" if number else "left")
    for row in rows:
        table.add_row(*(cell.replace("**", "") for cell in row))
    return table


def _markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    write(load_results())
