"""A disk of one test: a file system so small that it is full when the test says so."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_BLOCK = bytes(1 << 16)


@dataclass(frozen=True)
class SmallDisk:
    """A folder with a file system of its own."""

    folder: Path

    def fill(self) -> None:
        """Leave no room at all for anybody else."""
        with self._filler.open("wb", buffering=0) as file:
            try:
                while file.write(_BLOCK):
                    pass
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise

    def make_room(self) -> None:
        """Take away what filled it."""
        self._filler.unlink()

    @property
    def _filler(self) -> Path:
        return self.folder / "filler"


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Mount a disk there for a while; skip the test where nobody may."""
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "orderflow-test", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no program mount, for a disk that can be filled")
    except subprocess.CalledProcessError as refused:
        pytest.skip(f"a disk that can be filled may not be mounted here: {refused.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
