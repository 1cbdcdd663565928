"""`orderflow lag` and `orderflow groups`: how far behind the consumer groups are, and who is in them."""

from __future__ import annotations

import time
from contextlib import nullcontext, suppress
from typing import Annotated

import typer
from rich.live import Live

from orderflow.cli.errors import speaking_to
from orderflow.cli.lag_view import group_row, lag_table, member_rows
from orderflow.cli.options import ANSWER_SECONDS, AsJson, Prefix, Servers, kafka_settings
from orderflow.streaming.clients import connection_config
from orderflow.streaming.groups import pipeline_groups
from orderflow.streaming.settings import KafkaSettings
from orderflow_lag.document import group_document, lag_document
from orderflow_lag.monitor import LagMonitor
from orderflow_lag.observation import Subscription
from orderflow_lag.read import LagReader
from orderflow_process.output import console, print_json, print_table

app = typer.Typer()

GroupNames = Annotated[
    list[str] | None,
    typer.Argument(help="Consumer groups; without any, those of the pipeline.", show_default=False),
]


@app.command("lag")
def lag_command(
    groups: GroupNames = None,
    by_partition: Annotated[
        bool, typer.Option("--partitions", help="One row a partition, with its owner and its reason.")
    ] = False,
    every: Annotated[bool, typer.Option("--all", help="Every group of the cluster.")] = False,
    watch: Annotated[
        float | None, typer.Option(help="Look again every so many seconds.", min=0.2, show_default=False)
    ] = None,
    as_json: AsJson = False,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Show how far behind the consumer groups are, in records and in seconds.

    Committed records only: markers and open transactions are no lag. What cannot be read is unknown,
    which is not zero.

    [bold]Examples[/bold]

      orderflow lag

      orderflow lag payment-service --partitions

      orderflow lag --watch 1

      orderflow lag --json | jq '.[].lag'
    """
    settings = kafka_settings(servers, prefix)
    with speaking_to(settings), open_reader(settings) as reader:
        monitor = LagMonitor(reader)
        wanted = _wanted(settings, reader, groups or [], every)
        if watch:
            with suppress(KeyboardInterrupt):
                _follow(monitor, wanted, watch, by_partition, as_json)
        elif as_json:
            print_json([lag_document(report) for report in monitor.look(wanted)])
        else:
            console.print(lag_table(monitor.look(wanted), by_partition))


@app.command("groups")
def groups_command(
    groups: GroupNames = None,
    as_json: AsJson = False,
    servers: Servers = None,
) -> None:
    """List the consumer groups; with names, their members and what each of them owns.

    [bold]Examples[/bold]

      orderflow groups

      orderflow groups payment-service notification-service

      orderflow groups --json
    """
    settings = kafka_settings(servers)
    with speaking_to(settings), open_reader(settings) as reader:
        subscriptions = [Subscription(group) for group in groups or reader.groups()]
        reports = LagMonitor(reader, read_records=False).look(subscriptions)
    if as_json:
        print_json([group_document(report) for report in reports])
    elif groups:
        print_table(("group", "state", "client id", "host", "owns"), member_rows(reports))
    else:
        print_table(("group", "state", "members", "lag", "topics"), map(group_row, reports))


def open_reader(settings: KafkaSettings) -> LagReader:
    """Return a reader of lag with these settings."""
    return LagReader(connection_config(settings), timeout=ANSWER_SECONDS)


def _wanted(settings: KafkaSettings, reader: LagReader, groups: list[str], every: bool) -> list[Subscription]:
    known = {one.group: one for one in pipeline_groups(settings.topic_prefix)}
    names = groups or (reader.groups() if every else known)
    return [known.get(name, Subscription(name)) for name in names]


def _follow(
    monitor: LagMonitor, wanted: list[Subscription], pause: float, by_partition: bool, as_json: bool
) -> None:
    with nullcontext() if as_json else Live(console=console, auto_refresh=False) as live:
        while True:
            reports = monitor.look(wanted)
            if live is None:
                print_json([lag_document(report) for report in reports])
            else:
                live.update(lag_table(reports, by_partition), refresh=True)
            time.sleep(pause)
