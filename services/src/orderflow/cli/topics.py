"""`orderflow topics` and `orderflow tail`: which topics there are, and what is on them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from difflib import get_close_matches
from itertools import islice
from typing import Annotated, Any

import typer

from orderflow.cli.errors import CommandFailed, speaking_to
from orderflow.cli.lag import open_reader
from orderflow.cli.options import ANSWER_SECONDS, AsJson, Prefix, Servers, kafka_settings
from orderflow.cli.records import record_document, record_text
from orderflow.streaming.admin import create_topics, existing_topics, further_topics, pipeline_topics
from orderflow.streaming.clients import new_admin
from orderflow.streaming.reader import Record, TopicReader
from orderflow.streaming.settings import KafkaSettings
from orderflow_lag.observation import LogRange, Observation
from orderflow_process.output import console, print_table
from orderflow_process.text import printable

app = typer.Typer()
topics_app = typer.Typer(invoke_without_command=True)


@topics_app.callback()
def topics_command(
    context: typer.Context,
    every: Annotated[bool, typer.Option("--all", help="Every topic of the cluster.")] = False,
    as_json: AsJson = False,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """List the topics of the pipeline: partitions and retained offsets, and which are missing.

    Every record has an offset, and so has the marker that ends a transaction, in each partition it wrote to.
    "open" are offsets of transactions that have not ended; readers wait for them.

    [bold]Examples[/bold]

      orderflow topics

      orderflow topics --all --json

      orderflow topics create
    """
    if context.invoked_subcommand:
        return
    settings = kafka_settings(servers, prefix)
    names = [spec.name for spec in pipeline_topics(settings)]
    with speaking_to(settings), open_reader(settings) as reader:
        if every:
            names = sorted({*names, *existing_topics(new_admin(settings), timeout=ANSWER_SECONDS)})
        seen = reader.read([], names)
    documents = [_topic_document(name, seen) for name in names]
    if as_json:
        print(json.dumps(documents))
        return
    columns = ("topic", "partitions", "offsets", "open")
    print_table(columns, (["missing" if cell is None else cell for cell in d.values()] for d in documents))


@topics_app.command("create")
def create_command(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Topics of a worker of your own; none: those of the pipeline.", show_default=False
        ),
    ] = None,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Create the topics of the pipeline, or the named ones, where missing; existing ones stay as they are.

    PARTITIONS and REPLICATION_FACTOR say how they are made; `failed-...` are made for dead letters.

    [bold]Examples[/bold]

      orderflow topics create

      orderflow topics create fraud-alerts failed-fraud-checks
    """
    settings = kafka_settings(servers, prefix)
    with speaking_to(settings):
        created = create_topics(settings, further_topics(settings, names) if names else None)
    print("\n".join(f"created {name}" for name in created) or "nothing to create: all topics are there")


@app.command("tail")
def tail_command(
    topic: Annotated[str, typer.Argument(help="orders, payments, order-status ..., or any other topic.")],
    from_beginning: Annotated[
        bool, typer.Option("--from-beginning", help="Start with the oldest record.")
    ] = False,
    count: Annotated[
        int | None, typer.Option("--count", "-n", min=1, help="End after so many.", show_default=False)
    ] = None,
    follow: Annotated[bool, typer.Option(help="Wait for what comes; without, end at the end.")] = True,
    as_json: AsJson = False,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Show the records of a topic with their headers as they are committed, until Ctrl-C.

    Reads as no group: nobody's offsets move.

    [bold]Examples[/bold]

      orderflow tail payments

      orderflow tail orders --from-beginning --count 5

      orderflow tail failed-orders --from-beginning --no-follow --json | jq .headers
    """
    settings = kafka_settings(servers, prefix)
    with speaking_to(settings), _open(settings, topic, from_beginning) as reader:
        records = reader.follow() if follow else _flat(reader.to_the_end())
        with suppress(KeyboardInterrupt):
            for record in islice(records, count):
                show(record, as_json)


def show(record: Record, as_json: bool = False) -> None:
    """Print one record: for eyes, or as one line of JSON."""
    if as_json:
        print(json.dumps(record_document(record), ensure_ascii=False), flush=True)
    else:
        console.print(record_text(record), soft_wrap=True)


def _open(settings: KafkaSettings, topic: str, from_beginning: bool) -> TopicReader:
    existing = existing_topics(new_admin(settings), timeout=ANSWER_SECONDS)
    name = settings.topic_prefix + topic if settings.topic_prefix + topic in existing else topic
    if name not in existing:
        near = get_close_matches(topic, (found.removeprefix(settings.topic_prefix) for found in existing))
        raise CommandFailed(
            f"There is no topic {printable(topic)!r} on {settings.kafka_bootstrap_servers}; "
            + (f"did you mean {near[0]}?" if near else "see orderflow topics --all.")
        )
    return TopicReader(settings, [name], start="beginning" if from_beginning else "end")


def _flat(batches: Iterable[list[Record]]) -> Iterator[Record]:
    for batch in batches:
        yield from batch


def _topic_document(name: str, seen: Observation) -> dict[str, Any]:
    count = seen.partitions.get(name)
    logs = [log for at, log in seen.logs.items() if at.topic == name and isinstance(log, LogRange)]
    known = isinstance(count, int) and len(logs) == count
    return {
        "topic": name,
        "partitions": count if isinstance(count, int) else None,
        "offsets": sum(log.end - log.start for log in logs) if known else None,
        "open": sum(max(0, log.high_watermark - log.end) for log in logs) if known else None,
    }
