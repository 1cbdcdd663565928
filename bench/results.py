"""What a benchmark leaves behind: every round of every figure, and what it was measured on."""

from __future__ import annotations

import platform
from importlib.metadata import version
from pathlib import Path

import msgspec
import psutil

from bench.stats import Spread, spread

Figures = dict[str, float]

PATH = Path("build/bench.json")


class Run(msgspec.Struct, frozen=True):
    """One contender in one round of one experiment."""

    experiment: str
    contender: str
    round: int
    figures: Figures


class Results(msgspec.Struct):
    """All runs, in the order they were made."""

    machine: dict[str, str]
    settings: dict[str, int]
    runs: list[Run] = []

    def rounds(self, experiment: str, contender: str, figure: str) -> dict[int, float]:
        """Return a figure by the number of its round."""
        return {
            run.round: run.figures[figure]
            for run in self.runs
            if run.experiment == experiment and run.contender == contender and figure in run.figures
        }

    def spread(self, experiment: str, contender: str, figure: str) -> Spread | None:
        """Return a figure's minimum, median and maximum, or None where it was not measured."""
        values = list(self.rounds(experiment, contender, figure).values())
        return spread(values) if values else None

    def contenders(self, experiment: str) -> list[str]:
        """Return who took part in an experiment, in the order of the first round."""
        return list(dict.fromkeys(run.contender for run in self.runs if run.experiment == experiment))

    def save(self, path: Path = PATH) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n")


def load_results(path: Path = PATH) -> Results:
    """Return the results of the last benchmark."""
    return msgspec.json.decode(path.read_bytes(), type=Results)


def describe_machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(psutil.cpu_count()),
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "kernel": platform.release(),
        "python": platform.python_version(),
        "confluent-kafka": version("confluent-kafka"),
    }


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()
