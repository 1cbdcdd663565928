"""Log files of processes that only write to their standard output: kept small, and followed."""

import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from orderflow_process.logs import readable

ROTATE_AT = 10 * 1024 * 1024  # bytes
KEPT = 3
LOOK_EVERY = 0.3  # seconds


def rotate(path: Path, limit: int = ROTATE_AT, kept: int = KEPT) -> bool:
    """Move a log's content aside once it is larger than the limit, and tell whether it was.

    The writer keeps its open file, which must be in append mode. A line written between the two
    steps is lost; the processes of a supervisor that was killed can go on writing.
    """
    if not path.exists() or path.stat().st_size <= limit:
        return False
    for number in range(kept - 1, 0, -1):
        older = path.with_name(f"{path.name}.{number}")
        if older.exists():
            older.replace(path.with_name(f"{path.name}.{number + 1}"))
    shutil.copyfile(path, path.with_name(f"{path.name}.1"))
    with path.open("r+b") as log:
        log.truncate(0)
    return True


def last_line(path: Path) -> str:
    """Return the last line that is not blank, or a word about there being none."""
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    last = next((line.strip() for line in reversed(lines) if line.strip()), "it wrote nothing")
    return readable(last, colours=False)


class Tail:
    """The end of one log file, read on from where it was left; survives rotation and absence."""

    def __init__(self, path: Path, lines: int = 0) -> None:
        self.path = path
        self._rest = b""
        self._position = _start_of_last(path, lines)

    def read(self) -> list[str]:
        """Return the complete lines that came since the last call."""
        if not self.path.exists():
            return []
        if self.path.stat().st_size < self._position:
            self._position, self._rest = 0, b""
        with self.path.open("rb") as log:
            log.seek(self._position)
            found = self._rest + log.read()
            self._position = log.tell()
        *lines, self._rest = found.split(b"\n")
        return [line.decode(errors="replace") for line in lines]


def follow(folder: Path, lines: int = 10) -> Iterator[tuple[str, str]]:
    """Yield (process, line) for all logs of the folder, without end; new files are noticed."""
    tails: dict[Path, Tail] = {}
    first = True
    while True:
        for path in sorted(folder.glob("*.log")):
            tails.setdefault(path, Tail(path, lines) if first else Tail(path, lines=1 << 30))
        first = False
        for tail in tails.values():
            yield from _named(tail.path.stem, tail.read())
        time.sleep(LOOK_EVERY)


def _named(name: str, lines: Iterable[str]) -> Iterator[tuple[str, str]]:
    return ((name, line) for line in lines)


def _start_of_last(path: Path, lines: int) -> int:
    content = path.read_bytes() if path.exists() else b""
    position = len(content)
    for _ in range(lines + 1):
        position = content.rfind(b"\n", 0, position)
        if position < 0:
            return 0
    return position + 1
