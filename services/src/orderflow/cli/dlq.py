"""`orderflow dlq`: what lies among the dead letters, why, and bringing it back."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated

import typer

from orderflow.cli.errors import CommandFailed, speaking_to
from orderflow.cli.letters_view import cells, document, facts
from orderflow.cli.moments import ALLOWED, moment
from orderflow.cli.options import AsJson, Prefix, Servers, kafka_settings
from orderflow.cli.records import decoded
from orderflow.replay.letters import DEAD_LETTERS, Letter, Selection
from orderflow.replay.plan import REPLAYED_TOPICS, Step, planned, was_replayed
from orderflow.replay.reading import read_letters, read_markers
from orderflow.replay.sending import Replay, ReplayEnded
from orderflow.streaming.settings import KafkaSettings
from orderflow_process.output import console, counting_bar, print_json, print_table
from orderflow_process.text import printable

app = typer.Typer(help="Dead letters: look at them, and bring them back.", no_args_is_help=True)

Topics = Annotated[
    list[str] | None,
    typer.Option("--topic", help="Only of this topic; may be given again.", show_default=False),
]
Key = Annotated[str | None, typer.Option(help="Only of this key: a user.", show_default=False)]
Reason = Annotated[
    str | None, typer.Option(help="Only with this in class or text of the error.", show_default=False)
]
Since = Annotated[
    str | None,
    typer.Option(help="Only buried since: 30s, 15m, 2h, 7d ago, or a time.", show_default=False),
]
Until = Annotated[str | None, typer.Option(help="Only buried before: as --since.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, help="Rows to show, the newest.")]


@app.command("list")
def list_command(
    topics: Topics = None,
    reason: Reason = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    limit: Limit = 50,
    as_json: AsJson = False,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Show dead letters, the newest last, with the reason of each and whether it was replayed.

    [bold]Examples[/bold]

      orderflow dlq list

      orderflow dlq list --topic failed-payments --since 2h

      orderflow dlq list --reason GatewayTimeout --json
    """
    settings = kafka_settings(servers, prefix)
    selection = _selection(reason, key, since, until)
    with speaking_to(settings):
        letters = sorted(_found(settings, topics or DEAD_LETTERS, selection), key=lambda one: one.at)
        markers = read_markers(settings)
    if as_json:
        print_json([document(one, markers) for one in letters])
        return
    rows = ((*cells(one), "yes" if was_replayed(one, markers) else "") for one in letters[-limit:])
    print_table(("letter", "buried", "key", "from", "attempts", "reason", "replayed"), rows)
    if len(letters) > limit:
        console.print(f"{len(letters) - limit:,} older ones are not shown; --limit shows more.")
    for said, count in Counter(one.error_class or "unknown" for one in letters).most_common():
        console.print(f"{count:,} {printable(said)}", highlight=False, markup=False)


@app.command("show")
def show_command(
    letter: Annotated[str, typer.Argument(help="As `orderflow dlq list` names it: failed-orders/2/17.")],
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Show one dead letter whole: its reason, its headers and its record as it was.

    [bold]Example[/bold]

      orderflow dlq show failed-orders/2/17
    """
    settings = kafka_settings(servers, prefix)
    with speaking_to(settings):
        (one,) = _found(settings, [letter.partition("/")[0]], Selection(letters=frozenset({letter})))
    for name, text in facts(one):
        console.print(f"{printable(name)}: {printable(text)}", highlight=False, markup=False, soft_wrap=True)
    console.print(f"\n{printable(decoded(one.value))}", highlight=False, markup=False, soft_wrap=True)


@app.command("replay")
def replay_command(
    letters: Annotated[
        list[str] | None,
        typer.Argument(help="Letters as `orderflow dlq list` names them; none: all that are meant."),
    ] = None,
    topics: Topics = None,
    reason: Reason = None,
    key: Key = None,
    since: Since = None,
    until: Until = None,
    execute: Annotated[bool, typer.Option("--execute", help="Do it; without, only show it.")] = False,
    rate: Annotated[
        float | None, typer.Option(min=0.01, help="Letters a second (else as fast as it goes).")
    ] = None,
    limit: Limit = 50,
    servers: Servers = None,
    prefix: Prefix = None,
) -> None:
    """Bring orders back that were rejected or failed: each to its topic, once, those of a user in order.

    Shows what it would do; --execute does it. An order is handled as if it had just come, with all its
    attempts. A second replay leaves out what went back before, also where the first one was killed.

    [bold]Examples[/bold]

      orderflow dlq replay --topic failed-payments --since 2h

      orderflow dlq replay --reason GatewayTimeout --execute --rate 50

      orderflow dlq replay failed-orders/2/17 --execute
    """
    settings = kafka_settings(servers, prefix)
    selection = _selection(reason, key, since, until, letters or ())
    names = sorted({one.partition("/")[0] for one in letters or ()}) or topics or REPLAYED_TOPICS
    with speaking_to(settings):
        if not execute:
            _show_plan(planned(_found(settings, names, selection), read_markers(settings)), limit)
            return
        _execute(settings, names, selection, rate)


def _execute(
    settings: KafkaSettings, topics: Sequence[str], selection: Selection, rate: float | None
) -> None:
    done = 0
    try:
        with Replay(settings) as replay, counting_bar() as progress:
            steps = planned(_found(settings, topics, selection), read_markers(settings))
            back = [step.letter for step in steps if step.stays is None]
            task = progress.add_task("replayed", total=len(back))

            def report(count: int) -> None:
                nonlocal done
                done += count
                progress.update(task, completed=done)

            replay.send(back, rate, report)
    except ReplayEnded as ended:
        raise CommandFailed(
            f"The replay ended after {done:,} letters: {printable(str(ended))}. Run it again: what went back "
            "is left out."
        ) from ended
    console.print(f"{done:,} replayed{_left_out(steps)}", highlight=False)


def _show_plan(steps: Sequence[Step], limit: int) -> None:
    rows = [(*cells(step.letter), step.stays or "replay") for step in steps[-limit:]]
    print_table(("letter", "buried", "key", "to", "attempts", "reason", "what happens"), rows)
    if len(steps) > limit:
        console.print(f"{len(steps) - limit:,} more are not shown; --limit shows more.", highlight=False)
    count = sum(step.stays is None for step in steps)
    console.print(f"{count:,} would be replayed{_left_out(steps)}; --execute does it.", highlight=False)


def _left_out(steps: Iterable[Step]) -> str:
    reasons = Counter(step.stays for step in steps if step.stays)
    return "".join(f", {count:,} left out: {reason}" for reason, count in reasons.most_common())


def _found(settings: KafkaSettings, topics: Sequence[str], selection: Selection) -> list[Letter]:
    found = [one for one in read_letters(settings, topics) if selection.takes(one)]
    missing = sorted(selection.letters - {str(one.place) for one in found})
    if missing:
        raise CommandFailed(
            f"There is no dead letter {printable(', '.join(missing))}; see orderflow dlq list."
        )
    return found


def _selection(
    reason: str | None, key: str | None, since: str | None, until: str | None, letters: Iterable[str] = ()
) -> Selection:
    return Selection(
        since=_moment("--since", since),
        until=_moment("--until", until),
        key=key,
        reason=reason,
        letters=frozenset(letters),
    )


def _moment(option: str, text: str | None) -> float | None:
    try:
        return None if text is None else moment(text, time.time()) * 1000
    except ValueError:
        raise CommandFailed(f"{option} {text!r}: allowed are {ALLOWED}.") from None
