"""The proof: `python -m support.chaos`, usually as `make chaos SEED=n DURATION=seconds`.

Everything is left in build/chaos/: when what happened, the logs of all processes, and after a violation the
broker's data too.
"""

from __future__ import annotations

import logging
import random
import shutil
import signal
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from support.brokers import embedded
from support.chaos.run import Chaos, Outcome, Plan
from support.chaos.schedule import SHORTEST

from orderflow.cli.verify import show as show_report
from orderflow_local.kafka import obtain, prepare
from orderflow_process.output import console, print_table, progress_bar
from orderflow_process.text import printable

FOLDER = Path(__file__).parents[3] / "build" / "chaos"


def main(
    seed: Annotated[int | None, typer.Option(min=0, help="What tells the schedule; else any.")] = None,
    duration: Annotated[
        float, typer.Option(min=SHORTEST, help="Seconds of load; the end of them is quiet.")
    ] = 120.0,
    rate: Annotated[float, typer.Option(min=1, help="Orders a second.")] = 100.0,
    most: Annotated[int, typer.Option(min=3, max=32, help="Most payment workers at a time.")] = 8,
) -> None:
    """Kill, freeze, scale and poison a pipeline under load, then prove that no order came to harm."""
    # What Kafka's clients say about an outage is no news here.
    logging.getLogger("kafka").addHandler(logging.NullHandler())
    plan = Plan(random.randrange(10_000) if seed is None else seed, duration, rate, most)
    print(f"seed {plan.seed}, again: {again(plan)}")
    folder = FOLDER / f"{datetime.now():%Y%m%d-%H%M%S}-seed-{plan.seed}"
    folder.mkdir(parents=True)
    distribution = obtain()
    prepare(distribution)
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    with progress_bar(*columns) as progress:
        task = progress.add_task(f"seed {plan.seed}", total=duration)

        def advance(seconds: float, what: str) -> None:
            progress.update(task, completed=min(seconds, duration))
            if what:
                progress.update(task, description=escape(printable(what[:80])))

        outcome = Chaos(plan, embedded(distribution, folder / "kafka"), folder, advance).perform()
    tell(outcome, plan, folder)
    sys.exit(1 if outcome.violations else 0)


def tell(outcome: Outcome, plan: Plan, folder: Path) -> None:
    """Print what happened and what it came to; the last line says how to see it again."""
    print_table(("event", "times"), [(kind, str(times)) for kind, times in sorted(outcome.happened.items())])
    show_report(outcome.report)
    seen = outcome.evidence
    console.print(
        f"{seen.promised:,} answered 202 + {seen.foreign:,} foreign + {seen.poison:,} poison = "
        f"{seen.written:,} written, {outcome.report.accepted:,} in the log; "
        f"{sum(outcome.answers.values()) - outcome.answers[202]:,} requests sent again",
        highlight=False,
    )
    for surprise in outcome.surprises:
        console.print(surprise, markup=False, highlight=False)
    for violation in outcome.violations:
        console.print(f"VIOLATED: {violation}", markup=False, highlight=False, style="red", soft_wrap=True)
    if not outcome.violations:
        shutil.rmtree(folder / "kafka" / "data", ignore_errors=True)
    print(f"what happened when: {folder / 'events.log'}")
    verdict = "VIOLATED" if outcome.violations else "no violation"
    print(f"seed {plan.seed}: {verdict}; again: {again(plan)}")


def again(plan: Plan) -> str:
    """Return the command that runs the same once more."""
    usual = Plan(plan.seed, plan.duration)
    others = [("--rate", plan.rate, usual.rate), ("--most", plan.most, usual.most)]
    arguments = " ".join(f"{flag} {value:g}" for flag, value, default in others if value != default)
    command = f"make chaos SEED={plan.seed} DURATION={plan.duration:g}"
    return f'{command} ARGS="{arguments}"' if arguments else command


if __name__ == "__main__":
    # Whoever ends this must not leave a broker and its workers behind.
    signal.signal(signal.SIGTERM, lambda number, _frame: sys.exit(128 + number))
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(main)
    app()
