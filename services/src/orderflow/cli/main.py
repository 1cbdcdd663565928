"""The `orderflow` command."""

from __future__ import annotations

import typer

from orderflow.cli import dlq, lag, orders, topics, verify
from orderflow.cli.errors import CommandFailed
from orderflow.cli.run import run_app
from orderflow.cli.settings import show_settings
from orderflow.streaming.errors import WorkerStopped
from orderflow_process.errors import plain_errors

app = typer.Typer(
    name="orderflow",
    help="Orders in, payments and notifications out, exactly once, on Apache Kafka.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)
app.add_typer(run_app, name="run")
app.add_typer(orders.app, name="orders")
app.add_typer(topics.topics_app, name="topics")
app.add_typer(dlq.app, name="dlq")
for commands in (lag.app, topics.app, verify.app):
    app.add_typer(commands)
app.command("settings")(show_settings)


def main() -> None:
    """Run the command; what a person can mend is said in a sentence, exit code 1."""
    with plain_errors("orderflow", CommandFailed, WorkerStopped):
        app()
