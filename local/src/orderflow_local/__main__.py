"""The commands behind `make up`, `down`, `status`, `logs` and `clean`."""

import sys

import typer
from rich.console import Console

from orderflow.cli.errors import CommandFailed
from orderflow_local import down as ending
from orderflow_local import logs as following
from orderflow_local import preflight, state, up
from orderflow_local.errors import LocalError
from orderflow_local.layout import DataFolder
from orderflow_local.settings import LocalSettings
from orderflow_process.errors import plain_errors
from orderflow_process.logs import readable
from orderflow_process.settings import load

app = typer.Typer(
    name="orderflow-local",
    help="The whole pipeline on this machine, with an embedded Kafka.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False, soft_wrap=True)


def say(sentence: str) -> None:
    """Tell the person at the console."""
    console.print(sentence, markup=False)


def _settings() -> tuple[LocalSettings, DataFolder]:
    settings = load(LocalSettings)
    return settings, DataFolder(settings.orderflow_data_dir.resolve())


@app.command("up")
def up_command() -> None:
    """Start everything; Ctrl-C stops it. Settings come from the environment (DETACH=1, API_PORT=...)."""
    up.run(*_settings(), console)


@app.command("down")
def down_command() -> None:
    """Stop everything, in order."""
    ending.stop(_settings()[1], say)


@app.command("status")
def status_command() -> None:
    """Show processes, topics, groups and lag."""
    folder = _settings()[1]
    run = state.load(folder.state)
    if run is None:
        raise LocalError("Nothing runs here; start it with `make up`.")
    if not preflight.is_locked(folder):
        say("The supervisor is gone and nobody restarts what ends; `make down` ends the rest.")
    # Imported here: it brings the whole `orderflow` command with it.
    from orderflow_local import status

    status.show(run, console)


@app.command("logs")
def logs_command() -> None:
    """Follow the logs of all processes until Ctrl-C."""
    folder = _settings()[1]
    if not folder.logs.is_dir():
        raise LocalError(f"There are no logs in {folder.logs} yet; start something with `make up`.")
    width = max((len(path.stem) for path in folder.logs.glob("*.log")), default=0)
    try:
        for name, line in following.follow(folder.logs):
            for shown in readable(line, colours=sys.stdout.isatty()).splitlines():
                print(f"{name:<{width}} | {shown}")
    except (KeyboardInterrupt, BrokenPipeError):
        sys.stderr.close()  # or Python complains about the broken pipe once more


@app.command("clean")
def clean_command() -> None:
    """Remove the data and the logs."""
    ending.remove(_settings()[1], say)


def main() -> None:
    """Run the command; what a person can mend is said in a sentence, exit code 1."""
    with plain_errors("orderflow", LocalError, CommandFailed):
        app()


if __name__ == "__main__":
    main()
