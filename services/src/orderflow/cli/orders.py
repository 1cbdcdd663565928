"""`orderflow orders send` and `orderflow orders watch`: put orders in, see what becomes of one."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from orderflow.cli.errors import CommandFailed, speaking_to
from orderflow.cli.generator import Draft, from_lines, made_up
from orderflow.cli.moments import ALLOWED, moment
from orderflow.cli.options import ANSWER_SECONDS, Prefix, Servers, kafka_settings
from orderflow.cli.records import written_at
from orderflow.cli.story import TOPICS, Story
from orderflow.cli.tally import Tally
from orderflow.streaming.reader import Record, Start, TopicReader
from orderflow.streaming.settings import KafkaSettings
from orderflow_process.output import console, counting_bar
from orderflow_process.text import printable

app = typer.Typer(help="Send orders, and watch one go its way.", no_args_is_help=True)

_NOT_FINAL = 5
_STYLES = {"PENDING": "yellow", "PAID": "green", "DECLINED": "red", "REJECTED": "red", "FAILED": "red"}


class Way(StrEnum):
    """How orders are sent."""

    HTTP = "http"
    KAFKA = "kafka"


@app.command("send")
def send_command(
    count: Annotated[
        int | None, typer.Option(min=1, help="How many (else 10, or the whole file).", show_default=False)
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(min=0.01, help="Orders a second (else as fast as it goes).", show_default=False),
    ] = None,
    users: Annotated[int, typer.Option(min=1, help="Made-up users the orders are of.")] = 100,
    file: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Orders, one JSON a line.", show_default=False),
    ] = None,
    to: Annotated[Way, typer.Option(help="Through the Order Service, or straight to Kafka.")] = Way.HTTP,
    url: Annotated[str, typer.Option(help="The Order Service.", envvar="ORDERFLOW_URL")] = (
        "http://127.0.0.1:8000"
    ),
    api_key: Annotated[
        str | None, typer.Option(help="Sent as X-API-Key.", envvar="API_KEY", show_default=False)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="The same seed makes the same orders.", show_default=False)
    ] = None,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Send made-up orders, or those of a file; ends with exit code 1 if one was not accepted.

    Over HTTP an order is sent again while the service answers 503, with the same Idempotency-Key.

    [bold]Examples[/bold]

      orderflow orders send

      orderflow orders send --count 10000 --rate 500 --users 50

      orderflow orders send --file orders.jsonl --to kafka
    """
    # Here and not above: every process of a service would load the HTTP client too.
    from orderflow.cli.send import send_http, send_kafka

    drafts, total = _drafts(count, users, file, random.getrandbits(32) if seed is None else seed)
    begun = time.monotonic()
    with counting_bar() as progress:
        task = progress.add_task("orders", total=total)

        def report(tally: Tally) -> None:
            progress.update(task, completed=tally.done)

        if to is Way.HTTP:
            tally = send_http(drafts, url, rate=rate, api_key=api_key, report=report)
        else:
            settings = kafka_settings(servers, prefix)
            with speaking_to(settings):
                tally = send_kafka(drafts, settings, rate=rate, report=report)
    console.print(tally.sentence(time.monotonic() - begun), highlight=False)
    if tally.refused:
        raise CommandFailed(f"{tally.refused:,} orders were not accepted; {printable(tally.first_refusal)}")


@app.command("watch")
def watch_command(
    order_id: Annotated[str, typer.Argument(help="As POST /orders answered it.")],
    since: Annotated[str, typer.Option(help="How far to look back: 30s, 15m, 2h, 7d, or all.")] = "1h",
    timeout: Annotated[float, typer.Option(min=0, help="Give up after so many seconds; 0: never.")] = 60.0,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Show one order's way as the topics tell it, until it is final.

    Exit codes: 0 PAID, 3 DECLINED, 4 REJECTED or FAILED, 5 not final in time.

    [bold]Examples[/bold]

      orderflow orders watch ORD-7c9e6679-7425-40de-944b-e07fc1f90ae7

      orderflow orders watch ORD-1 --since all --timeout 5
    """
    settings = kafka_settings(servers, prefix)
    story = Story(order_id)
    start = _beginning(since)
    deadline = time.monotonic() + timeout if timeout else None
    with speaking_to(settings), _open(settings, start) as reader:
        # What lies in the past is read partition by partition; sorted by time it reads as it happened.
        read = (record for batch in reader.to_the_end() for record in batch)
        past = [record for record in read if _take(story, record, settings)]
        story = Story(order_id)
        for record in sorted(past, key=lambda record: (record.timestamp()[1], record.topic())):
            _tell(story, record, settings)
        if story.status is None:
            console.print(f"[dim]No record of {printable(order_id)} so far (--since {since}); waiting.[/dim]")
        while not story.final and (deadline is None or time.monotonic() < deadline):
            for record in reader.poll():
                _tell(story, record, settings)
    raise typer.Exit(_NOT_FINAL if not story.final or story.exit_code is None else story.exit_code)


def _open(settings: KafkaSettings, start: Start) -> TopicReader:
    names = [settings.topic_prefix + topic for topic in TOPICS]
    return TopicReader(settings, names, start=start, timeout=ANSWER_SECONDS)


def _tell(story: Story, record: Record, settings: KafkaSettings) -> None:
    said = _take(story, record, settings)
    if said is None:
        return
    what, detail = said
    style = _STYLES.get(what, "cyan")
    console.print(
        f"[dim]{written_at(record)}[/dim]  [{style}]{what:<20}[/]",
        end="",
        highlight=False,
    )
    console.print(printable(detail), markup=False, highlight=False, soft_wrap=True)


def _take(story: Story, record: Record, settings: KafkaSettings) -> tuple[str, str] | None:
    return story.take((record.topic() or "").removeprefix(settings.topic_prefix), record.value())


def _beginning(since: str) -> Start:
    if since == "all":
        return "beginning"
    try:
        return moment(since, time.time())
    except ValueError:
        raise CommandFailed(f"--since {since!r}: allowed are {ALLOWED}, and all.") from None


def _drafts(count: int | None, users: int, file: Path | None, seed: int) -> tuple[Iterator[Draft], int]:
    if file is None:
        return made_up(count or 10, users=users, seed=seed), count or 10
    lines = file.read_bytes().splitlines()
    total = sum(1 for line in lines if line.strip())
    return islice(from_lines(lines, seed=seed), count), min(total, count or total)
