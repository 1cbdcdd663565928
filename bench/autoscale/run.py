"""The autoscaling benchmark: `make bench-autoscale`, or `python -m bench.autoscale.run --only sine`.

Simulated time only, so it needs no broker and no quiet machine, and the same seed gives the same table.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from bench.autoscale import report
from bench.autoscale.contenders import CONTENDERS
from bench.autoscale.simulation import Run, simulate
from bench.autoscale.traces import TRACES, trace

Job = tuple[str, str]
NAMES = tuple(one.name for one in TRACES)


def run_one(name: str, scaler: str, seed: int) -> Run:
    """Return one scaler's run of one trace."""
    return simulate(trace(name), CONTENDERS[scaler](trace(name)), seed)


def run_all(names: Sequence[str], seed: int, console: Console) -> dict[str, list[Run]]:
    """Return all runs of the named traces, in the order of traces and scalers."""
    found: dict[Job, Run] = {}
    with Progress(console=console) as progress, ProcessPoolExecutor() as pool:
        bar = progress.add_task("simulating", total=len(names) * len(CONTENDERS))
        # The longest first, so that no core waits for it at the end.
        ordered = sorted(names, key=lambda name: -trace(name).seconds)
        jobs: dict[Future[Run], Job] = {
            pool.submit(run_one, name, scaler, seed): (name, scaler)
            for name in ordered
            for scaler in CONTENDERS
        }
        for done in as_completed(jobs):
            found[jobs[done]] = done.result()
            progress.advance(bar)
    return {name: [found[name, scaler] for scaler in CONTENDERS] for name in names}


def main(
    only: Annotated[str, typer.Option(help="Traces to run, comma separated.")] = ",".join(NAMES),
    seed: Annotated[int, typer.Option(help="Another seed is another run of chance.")] = 1,
    write_report: Annotated[
        bool, typer.Option(help="Write docs/autoscaling.md and its pictures, if every trace ran.")
    ] = False,
) -> None:
    """Simulate every scaler on every trace and score them."""
    names = _traces(only)
    results = run_all(names, seed, Console(stderr=True))
    report.print_tables(results, Console())
    if write_report and set(names) == set(NAMES):
        report.write(results)


def _traces(only: str) -> list[str]:
    chosen = [name.strip() for name in only.split(",")]
    for name in chosen:
        if name not in NAMES:
            raise typer.BadParameter(f"{name!r} is no trace; there are {', '.join(NAMES)}")
    return chosen


if __name__ == "__main__":
    typer.run(main)
