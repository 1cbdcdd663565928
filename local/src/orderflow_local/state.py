"""What a supervisor writes down about its run, so that other commands find it."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class ProcessState:
    """One process as it was last started; `health_url` is empty for the broker."""

    name: str
    tier: int
    pid: int
    port: int
    health_url: str
    started_at: float  # seconds since the epoch
    restarts: int = 0


@dataclass(frozen=True, slots=True)
class RunState:
    """One run of the system, from the first process to the last."""

    run_id: str
    supervisor_pid: int
    bootstrap_servers: str
    api_url: str
    topic_prefix: str = ""
    decisions_url: str = ""
    ready: bool = False
    processes: Mapping[str, ProcessState] = field(default_factory=dict)

    def with_process(self, process: ProcessState) -> "RunState":
        """Return the state with this process in its slot."""
        return replace(self, processes={**self.processes, process.name: process})

    def without_process(self, name: str) -> "RunState":
        """Return the state with this slot empty."""
        left = {slot: process for slot, process in self.processes.items() if slot != name}
        return replace(self, processes=left)


def dump(state: RunState) -> str:
    """Return the text of the state file."""
    return json.dumps(asdict(state), indent=2)


def parse(text: str) -> RunState | None:
    """Return what the text says; None where it is not a state file of this version."""
    try:
        document: dict[str, Any] = json.loads(text)
        found = {name: ProcessState(**each) for name, each in document.pop("processes").items()}
        return RunState(**document, processes=found)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def save(path: Path, state: RunState) -> None:
    """Write the state so that a reader sees the old one or the new one, whole."""
    draft = path.with_name(path.name + ".new")
    draft.write_text(dump(state))
    os.replace(draft, path)


def load(path: Path) -> RunState | None:
    """Return the last written state, or None."""
    try:
        return parse(path.read_text())
    except FileNotFoundError:
        return None
