"""The `orderflow` command as a person runs it, in this process: arguments in; exit code and text out."""

import sys
from dataclasses import dataclass

import pytest
from support.pipeline import Pipeline

from orderflow.cli.main import main


@dataclass(frozen=True)
class Result:
    """How a command ended and what it said."""

    exit_code: int
    out: str
    err: str


@dataclass(frozen=True)
class Command:
    """Runs `orderflow` with an environment that names a broker and a prefix."""

    capture: pytest.CaptureFixture[str]
    monkeypatch: pytest.MonkeyPatch

    def at(self, bootstrap_servers: str, prefix: str = "") -> "Command":
        """Point the commands that follow at a broker and at the topics with a prefix."""
        self.monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", bootstrap_servers)
        self.monkeypatch.setenv("TOPIC_PREFIX", prefix)
        return self

    def __call__(self, *arguments: str) -> Result:
        self.capture.readouterr()
        self.monkeypatch.setattr(sys, "argv", ["orderflow", *arguments])
        code: str | int | None = 0
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        said = self.capture.readouterr()
        return Result(code if isinstance(code, int) else 0, said.out, said.err)


def verify(pipeline: Pipeline) -> tuple[str, ...]:
    """Return the arguments that check a pipeline's whole log and print JSON."""
    groups = pipeline.group("payments"), pipeline.group("notifications")
    return "verify", "--json", "--payment-group", groups[0], "--notification-group", groups[1]
