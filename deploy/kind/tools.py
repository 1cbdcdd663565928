"""The programs that a cluster is made and filled with, first on one PATH: found here, or else built."""

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from deploy.kind import parts
from deploy.kind.parts import Part
from orderflow_local.kafka.distribution import cache_dir

BIN = "kind-tools"  # folder in the cache


@dataclass(frozen=True)
class Tool:
    """A program, how it tells its version, and which versions will do; `below` is the first that will not."""

    part: Part
    asked: Sequence[str]
    at_least: tuple[int, int]
    below: tuple[int, int]

    def accepts(self, said: str) -> bool:
        """Tell whether this output of the program names a version that will do."""
        named = re.search(r"v(\d+)\.(\d+)\.\d+", said)
        return named is not None and self.at_least <= (int(named[1]), int(named[2])) < self.below


TOOLS = (
    # The node's image belongs to this version of kind.
    Tool(parts.KIND, ("version",), (0, 33), (0, 34)),
    Tool(parts.KUBECTL, ("version", "--client"), (1, 32), (2, 0)),
    # Skaffold 2.16 asks in a way that Helm 4 does not know.
    Tool(parts.HELM_3, ("version", "--short"), (3, 18), (4, 0)),
    Tool(parts.SKAFFOLD, ("version",), (2, 16), (3, 0)),
)


def found(tool: Tool) -> Path | None:
    """Return the program on PATH, if its version will do."""
    path = shutil.which(tool.part.name)
    if not path:
        return None
    said = subprocess.run([path, *tool.asked], capture_output=True, text=True, timeout=30, check=False)
    return Path(path) if tool.accepts(said.stdout) else None


def to_build() -> list[Part]:
    """Return what is neither on PATH nor built already."""
    return [tool.part for tool in TOOLS if not tool.part.path.exists() and not found(tool)]


def obtain(console: Console) -> Path:
    """Return a folder with all tools in it, under their plain names; raise PartUnavailable."""
    folder = cache_dir() / BIN
    folder.mkdir(parents=True, exist_ok=True)
    for tool in TOOLS:
        program = found(tool) or parts.obtain(tool.part, console)
        fresh = folder / f".{tool.part.name}.{os.getpid()}"
        fresh.symlink_to(program)
        fresh.replace(folder / tool.part.name)
    return folder
