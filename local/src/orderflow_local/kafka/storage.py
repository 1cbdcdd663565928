"""A new data folder made Kafka's: by Kafka's tool once per machine, from what it left there ever after.

The tool is a Java of its own, and the longer half of a first start. What it writes depends on the version of
Kafka alone, but for the ids.
"""

import os
import shutil
import tempfile
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from orderflow_local.kafka.config import NODE_ID, render

FORMATTED = "meta.properties"  # Kafka takes a folder that has it for a formatted one
FIRST_RECORDS = "bootstrap.checkpoint"  # the features that a new cluster begins with


def is_formatted(data_dir: Path) -> bool:
    """Tell whether the folder belongs to a cluster."""
    return (data_dir / FORMATTED).exists()


def format_folder(data_dir: Path, kept: Path, run_tool: Callable[[str], None]) -> None:
    """Make the folder that of the one node of a new cluster.

    `kept` is where the tool's first records are kept; `run_tool` is given the id of the cluster.
    """
    records = data_dir / FIRST_RECORDS
    if kept.exists():
        shutil.copyfile(kept, records)
        ids = {"version": "1", "cluster.id": new_id(), "node.id": NODE_ID, "directory.id": new_id()}
        _write(data_dir / FORMATTED, render(ids).encode())
        return
    run_tool(new_id())
    # Without a cache that it may write to, the tool runs again the next time.
    with suppress(OSError):
        _write(kept, records.read_bytes())


def new_id() -> str:
    """Return an id as Kafka writes them."""
    # It may begin with a dash, which the tool would take for another option.
    return "C" + urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")[1:]


def _write(path: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all, whoever else writes it."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f"{path.name}.", delete=False) as file:
        file.write(content)
    os.replace(file.name, path)
