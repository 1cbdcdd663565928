"""How commands print: tables for eyes, JSON for scripts, text of others without its control characters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec
from rich import box
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from orderflow_process.text import printable

console = Console()
if not console.is_terminal:
    console.width = 240  # a pipe has no width; a table cut to a guess of one would lose names

RIGHT = {
    *("lag", "seconds", "members", "partitions", "partition", "committed", "end", "records", "offsets"),
    *("open", "replicas"),
}


def print_json(value: object) -> None:
    """Print one JSON document on one line, whole, however wide the terminal is."""
    print(msgspec.json.encode(value).decode())


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table as wide as it is; numbers to the right."""
    console.print(table(columns, rows))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table of plain text cells under upper-case headings."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column.upper(), justify="right" if column in RIGHT else "left")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else Text(printable(str(cell))) for cell in row))
    return made


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a progress bar that leaves nothing behind, and shows nothing where nobody looks."""
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def counting_bar() -> Progress:
    """Return a progress bar that counts things, and says how long the rest takes."""
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    return progress_bar(*columns)
