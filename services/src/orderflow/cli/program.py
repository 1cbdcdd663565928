"""A worker of your own as a program: flags and `--help` from its settings, errors in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import typer

from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.process import run_worker
from orderflow.streaming.service import Service
from orderflow.streaming.settings import WorkerSettings
from orderflow_process.errors import plain_errors
from orderflow_process.flags import command_with_settings

W = TypeVar("W", bound=WorkerSettings)


def worker_program(kind: type[W], service_of: Callable[[W], Service[Any]]) -> None:
    """Be the program of the worker that `service_of(settings)` returns; its docstring is the help text."""

    def run(settings: W) -> None:
        run_worker(service_of(settings), settings)

    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(command_with_settings(kind, run, service_of.__doc__ or ""))
    with plain_errors(kind.default_group, WorkerStopped):
        app()
