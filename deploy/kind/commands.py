"""Runs commands; when they fail, what they said last is told."""

import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

KEPT = 15  # lines


class CommandFailed(Exception):
    """A command ended with an error; the text names it and ends with the last that it said."""


def run_showing(
    title: str,
    command: Sequence[str],
    console: Console,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> None:
    """Run a command with its latest line beside the title, and say how long it took; raise CommandFailed."""
    started, last = time.monotonic(), deque[str](maxlen=KEPT)
    with (
        console.status(title) as status,
        subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        ) as process,
    ):
        for line in process.stdout or ():
            if line.strip():
                last.append(line.rstrip())
                status.update(f"{title} [dim]{escape(line.strip()[:90])}[/dim]")
    if process.returncode != 0:
        said = "\n  ".join(last)
        raise CommandFailed(f"{title} failed, for {Path(command[0]).name} ended with an error:\n  {said}")
    console.print(f"{title}: {time.monotonic() - started:.0f} s", highlight=False, markup=False)


def run_quietly(
    command: Sequence[str], environment: Mapping[str, str], within: float, folder: Path | None = None
) -> str:
    """Run a command and return what it printed; raise CommandFailed."""
    name = f"{Path(command[0]).name} {command[1]}"
    try:
        done = subprocess.run(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{name} was not done within {within:.0f} s") from None
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip() or "it said nothing"
        raise CommandFailed(f"{name} failed: {said[-2000:]}")
    return done.stdout
