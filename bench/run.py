"""Run the benchmark: `python -m bench.run`, usually as `make bench`.

Experiments run in rounds, and inside a round every contender has its turn, so that what the machine does
beside it falls on all of them alike. Figures go to build/bench.json, the report is made from that file.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from bench import api, contenders, intake, latency, memory, queries, report, throughput, window
from bench.broker import own_broker
from bench.processes import ContenderFailed
from bench.results import Figures, Results, Run, describe_machine
from bench.scene import Scene, fresh_scene

EXPERIMENTS = ("throughput", "latency", "http", "memory", "window", "intake", "queries")
LATENCY_RATE = 1_000  # orders a second
HTTP_CONNECTIONS = (64, 256)
WINDOW_ORDERS = 300_000  # 25,000 of each partition: more than the window holds
INTAKE_ORDERS = 80_000

Measure = Callable[[Scene, Callable[[int], None]], Figures]


@dataclass(frozen=True, slots=True)
class Turn:
    """One contender's part in a round; `preloaded` orders are what its progress bar counts."""

    experiment: str
    contender: str
    measure: Measure
    preloaded: int = 0


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Rounds; three or more make a figure.")] = 3,
    orders: Annotated[int, typer.Option(min=10_000, help="Orders measured for throughput.")] = 300_000,
    warm: Annotated[int, typer.Option(min=0, help="Orders before those, to warm up.")] = 300_000,
    seconds: Annotated[float, typer.Option(min=1, help="Seconds measured for latency and HTTP.")] = 5.0,
    backlog: Annotated[int, typer.Option(min=10_000, help="Orders of the memory experiment.")] = 1_000_000,
    only: Annotated[str, typer.Option(help="Experiments to run, comma separated.")] = ",".join(EXPERIMENTS),
    write_report: Annotated[
        bool, typer.Option(help="Write docs/performance.md and its plot, if every experiment ran.")
    ] = False,
) -> None:
    """Measure the Payment Service and the Order Service beside their peers, on a broker of their own."""
    chosen = _experiments(only)
    settings = {"rounds": rounds, "orders": orders, "warm": warm, "backlog": backlog}
    results = Results(describe_machine(), settings)
    console = Console(stderr=True)
    depth = throughput.Backlog(warm, orders, tail=max(60_000, orders // 3))
    failures = 0
    # As Ctrl-C does, so that the broker and the contender at work end with it.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    with own_broker() as stage, _progress(console) as progress, TemporaryDirectory() as folder:
        tables = queries.Tables(Path(folder))
        turns = [turn for name in chosen for turn in _turns(name, depth, seconds, backlog, tables)]
        for number in range(1, rounds + 1):
            for turn in turns:
                if turn.experiment == "memory" and number > 1:
                    continue
                label = f"round {number}/{rounds} {turn.experiment}: {turn.contender}"
                with _advancing(progress, label, turn.preloaded) as advance, fresh_scene(stage) as scene:
                    try:
                        figures = turn.measure(scene, advance)
                    except ContenderFailed as failure:
                        failures += 1
                        console.print(f"{label}: {failure}", style="red")
                        continue
                results.runs.append(Run(turn.experiment, turn.contender, number, figures))
                console.print(f"{label}: {_told(figures)}")
                results.save()
    report.print_tables(results, Console())
    if write_report and set(chosen) == set(EXPERIMENTS) and not failures:
        report.write(results)
    sys.exit(1 if failures else 0)


def _experiments(only: str) -> list[str]:
    chosen = [name.strip() for name in only.split(",")]
    for name in chosen:
        if name not in EXPERIMENTS:
            raise typer.BadParameter(f"{name!r} is no experiment; there are {', '.join(EXPERIMENTS)}")
    return chosen


def _turns(
    experiment: str, depth: throughput.Backlog, seconds: float, backlog: int, tables: queries.Tables
) -> Iterator[Turn]:
    """Yield the turns of one round of an experiment."""
    if experiment == "throughput":
        for name in report.THROUGHPUT:
            yield Turn(experiment, name, _throughput_of(name, depth), depth.total)
    elif experiment == "latency":
        for name in report.LATENCY:
            yield Turn(experiment, name, _latency_of(name, seconds))
    elif experiment == "http":
        for connections in HTTP_CONNECTIONS:
            for name in (contenders.OUR_API, contenders.FASTAPI):
                yield Turn(experiment, f"{name} {connections}", _http_of(name, connections, seconds))
            yield Turn(experiment, f"bare transactions {connections}", _rounds_of(connections, seconds))
    elif experiment == "window":
        yield Turn(experiment, contenders.OURS, _window_of(contenders.OURS), WINDOW_ORDERS)
    elif experiment == "intake":
        for name in (contenders.ANALYTICS, contenders.BARE_INTAKE):
            yield Turn(experiment, name, _intake_of(name), INTAKE_ORDERS * intake.RECORDS_OF_AN_ORDER)
    elif experiment == "queries":
        for question in report.QUESTIONS:
            yield Turn(experiment, f"GET {question}", _queries_of(question, tables, seconds), queries.ORDERS)
    else:
        for name in (contenders.OURS, contenders.STREAMS):
            yield Turn(experiment, name, _memory_of(name, backlog), backlog)


def _throughput_of(name: str, depth: throughput.Backlog) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, advance: throughput.measure(scene, contender, depth, advance)


def _latency_of(name: str, seconds: float) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, _: latency.measure(scene, contender, LATENCY_RATE, seconds)


def _http_of(name: str, connections: int, seconds: float) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, _: api.measure(scene, contender, connections, seconds)


def _rounds_of(size: int, seconds: float) -> Measure:
    return lambda scene, _: api.measure_bare_round(scene, size, seconds)


def _memory_of(name: str, backlog: int) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, advance: memory.measure(scene, contender, backlog, advance)


def _window_of(name: str) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, advance: window.measure(scene, contender, WINDOW_ORDERS, advance)


def _intake_of(name: str) -> Measure:
    contender = contenders.contender(name)
    return lambda scene, advance: intake.measure(scene, contender, INTAKE_ORDERS, advance)


def _queries_of(question: str, tables: queries.Tables, seconds: float) -> Measure:
    contender = contenders.contender(contenders.OUR_API)
    return lambda scene, advance: queries.measure(scene, contender, question, tables, seconds, advance)


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=console,
    )


@contextmanager
def _advancing(progress: Progress, label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show one turn: the bar fills with the preload, then pulses while the contender works."""
    task = progress.add_task(label, total=total or None)
    left = total

    def advance(count: int) -> None:
        nonlocal left
        left -= count
        progress.update(task, advance=count, total=total if left else None)

    yield advance
    progress.remove_task(task)


def _told(figures: Figures) -> str:
    return "  ".join(
        f"{name} {value:,.4g}" if value < 1000 else f"{name} {value:,.0f}" for name, value in figures.items()
    )


if __name__ == "__main__":
    typer.run(main)
