"""`orderflow verify`: read the whole log and prove that nothing was lost, doubled or reordered."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from orderflow.cli.errors import CommandFailed, speaking_to
from orderflow.cli.options import AsJson, Prefix, Servers, kafka_settings
from orderflow.events.groups import NOTIFICATION_SERVICE, PAYMENT_SERVICE
from orderflow.streaming.settings import KafkaSettings
from orderflow.verify.reading import Groups, TransactionsOpen, drain, verify
from orderflow.verify.report import Report
from orderflow_process.output import console, print_json, print_table, progress_bar
from orderflow_process.text import printable

app = typer.Typer()

MUST_BE_ZERO = ("lost", "duplicated", "out_of_order", "contradictory")


@app.command("verify")
def verify_command(
    wait: Annotated[
        float, typer.Option(min=0, help="Let the pipeline finish first, for at most so many seconds.")
    ] = 0.0,
    payment_group: Annotated[str, typer.Option(help="Group of the payment workers.")] = PAYMENT_SERVICE,
    notification_group: Annotated[
        str, typer.Option(help="Group of the notification workers.")
    ] = NOTIFICATION_SERVICE,
    as_json: AsJson = False,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Check every order in the log: one outcome each, one notification each, each user's in order.

    Reads all topics as readers of committed records do and changes nothing. Exit code 1 if anything was
    lost, duplicated, out of order or contradictory. What the workers have not come to yet is in flight;
    with --wait nothing may be.

    [bold]Examples[/bold]

      orderflow verify

      orderflow verify --wait 30 --json
    """
    settings = kafka_settings(servers, prefix)
    groups = Groups(payment_group, notification_group)
    with speaking_to(settings), _progress() as progress:
        if wait:
            _drain(settings, groups, wait, progress)
        try:
            report = verify(settings, groups, progress=Meter(progress))
        except TransactionsOpen as error:
            raise CommandFailed(f"{error}; which worker stands still (orderflow groups)?") from error
    if as_json:
        print_json(asdict(report) | {"ok": report.ok})
    else:
        show(report)
    if not report.ok:
        raise CommandFailed("The log does not hold what it should; see above.")
    if wait and report.in_flight:
        raise CommandFailed(
            f"{report.in_flight:,} orders were still in flight after {wait:g} s; "
            "are workers running (orderflow groups)?"
        )


def show(report: Report) -> None:
    """Print what was counted, and examples of what is wrong."""
    counts = asdict(report)
    counts.pop("examples")
    rows = ((name.replace("_", " "), f"{count:,}", _verdict(name, count)) for name, count in counts.items())
    print_table(("orders", "records", ""), rows)
    console.print(printable(balance(report)), markup=False, highlight=False, soft_wrap=True)
    for example in report.examples:
        console.print(printable(example), markup=False, highlight=False, soft_wrap=True)


def balance(report: Report) -> str:
    """Return the sum of what became of the accepted orders, as a person adds it up."""
    parts = [f"{count:,} {name.replace('_', ' ')}" for name, count in report.outcomes.items() if count]
    sign = "=" if sum(report.outcomes.values()) == report.accepted else "is not"
    return f"{report.accepted:,} accepted {sign} {' + '.join(parts) or '0'}"


def _verdict(name: str, count: int) -> str:
    if name not in MUST_BE_ZERO:
        return ""
    return "must be 0" if count else "ok"


def _progress() -> Progress:
    columns = TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn()
    return progress_bar(*columns)


def _drain(settings: KafkaSettings, groups: Groups, within: float, progress: Progress) -> None:
    task = progress.add_task("waiting for the workers", total=None)
    for lags in drain(settings, groups, within=within):
        behind = ", ".join(f"{lag.group} {lag.known:,}" for lag in lags if lag.total != 0)
        progress.update(task, description=f"waiting for the workers: {behind or 'done'}")
    progress.remove_task(task)


class Meter:
    """One bar for each topic that is read."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, topic: str, read: int, total: int) -> None:
        if topic not in self._tasks:
            self._tasks[topic] = self._progress.add_task(topic, total=total)
        self._progress.update(self._tasks[topic], completed=read, total=total)
