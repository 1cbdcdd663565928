"""What a cluster asks of this machine, all of it said at once, each in one sentence."""

import shutil
from collections.abc import Callable
from pathlib import Path

import psutil
from rich.console import Console

from deploy.kind import debian, engine, parts, tools
from deploy.kind.engine import Engine, EngineUnavailable
from deploy.kind.parts import PartUnavailable
from orderflow_local.kafka.distribution import cache_dir

GIB = 1 << 30
MEMORY = 6 * GIB  # bytes: the cluster, Kafka with its operators, and the services under load
DISK = 8 * GIB  # bytes: images on the engine and once more on the node


class MachineLacks(Exception):
    """Something is missing here; `sentences` says what, and what to do about it."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


def too_little(memory: int, disk: int, where: Path) -> list[str]:
    """Return what there is too little of, given the bytes that are there."""
    lacks = []
    if memory < MEMORY:
        lacks.append(f"The cluster needs {MEMORY // GIB} GiB of memory, and {memory / GIB:.1f} GiB are here.")
    if disk < DISK:
        lacks.append(f"Images need {DISK // GIB} GiB of disk, and {disk / GIB:.1f} GiB are free in {where}.")
    return lacks


def require_engine(memory: int | None = None, find_go: Callable[[], str] = parts.find_go) -> Engine:
    """Return the engine that answers; raise MachineLacks with everything that a cluster lacks here."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    memory = psutil.virtual_memory().total if memory is None else memory
    lacks = too_little(memory, shutil.disk_usage(cache_dir()).free, cache_dir())
    found = None
    try:
        found = engine.find()
    except EngineUnavailable as unavailable:
        lacks.append(str(unavailable))
    if missing := tools.to_build():
        try:
            find_go()
        except PartUnavailable:
            names = ", ".join(f"{part.name} {part.version}" for part in missing)
            lacks.append(f"Not on PATH: {names}; install them, or a Go that builds them (1.24 or newer).")
    if not found or lacks:
        raise MachineLacks(lacks)
    return found


def require_airgap(console: Console) -> None:
    """Raise MachineLacks where images can be neither pulled nor made."""
    console.print("No image can be pulled here, so a node is made: ten minutes at first.", soft_wrap=True)
    lacks = []
    try:
        parts.find_go()
    except PartUnavailable as unavailable:
        lacks.append(str(unavailable))
    try:
        debian.require_tools()
    except debian.DebianUnavailable as unavailable:
        lacks.append(str(unavailable))
    if lacks:
        raise MachineLacks(lacks)
