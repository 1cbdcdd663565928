"""The commands, and what they say when they cannot do their work: one sentence, exit code 1."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from orderflow_operator.kube import ApiError, KubeApi
from orderflow_operator.settings import OperatorSettings
from orderflow_process.errors import plain_errors
from orderflow_process.flags import command_with_settings
from orderflow_process.logs import configure_logs
from orderflow_process.settings import load

app = typer.Typer(
    name="orderflow-operator",
    help="Declares topics, and scales the workers of consumer groups on their lag.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

Namespace = Annotated[str, typer.Option("--namespace", "-n", help="Namespace of the StreamWorker.")]


def main() -> None:
    """Run the command; what a person can mend is said in a sentence, exit code 1."""
    with plain_errors("orderflow-operator", ApiError):
        app()


def run(settings: OperatorSettings) -> None:
    # Here and not above: kopf is half a second that the other commands do not need.
    from orderflow_operator.run import Operator

    begin_logs(settings)
    Operator(settings, connect(settings)).run()


def begin_logs(settings: OperatorSettings) -> None:
    """Send the log lines of the operator, and of the libraries in it, to standard output."""
    configure_logs(
        "orderflow-operator", settings.log_level, settings.log_format, instance=settings.instance_name
    )
    # kopf tells of every object it sees; what we do with it is told by ourselves.
    logging.getLogger("kopf").setLevel(max(logging.WARNING, logging.getLogger().level))


@app.command("explain")
def explain(
    name: Annotated[str, typer.Argument(help="Name of the StreamWorker.")],
    namespace: Namespace = "default",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show why a worker has as many replicas as it has: the last decision, step by step.

    Example: orderflow-operator explain payments -n orderflow
    """
    from orderflow_operator.cli.explain import show

    show(connect(load(OperatorSettings)), namespace, name, as_json=as_json)


@app.command("doctor")
def doctor() -> None:
    """Check what the operator needs, by doing it: CRDs, rights, Secrets, Kafka; one fix a line.

    Exit code 1 when something has to be fixed.
    """
    from orderflow_operator.cli.doctor import examine

    settings = load(OperatorSettings)
    raise typer.Exit(examine(connect(settings), settings))


def connect(settings: OperatorSettings) -> KubeApi:
    """Return a connection to the API server; raise ApiError."""
    return KubeApi.connect(settings.kubeconfig, settings.kube_context)


app.command("run")(command_with_settings(OperatorSettings, run, "Run the operator until SIGTERM or Ctrl-C."))
