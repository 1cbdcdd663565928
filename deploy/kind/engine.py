"""The container engine: whichever answers is used as it is; one of our own is started only when asked for.

Our own is Debian's dockerd, started by hand: its data lie in the cache, its socket and its process id in
`/run/orderflow`, and it ends by that id. It needs root and apt, so it is for machines that are thrown away.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from deploy.kind.commands import CommandFailed, run_quietly
from orderflow_local.kafka.distribution import cache_dir

RUN = Path("/run/orderflow")  # short, for paths of sockets are limited to 107 bytes
SOCKET = RUN / "docker.sock"
PID_FILE = RUN / "dockerd.pid"
START_WITHIN = 60.0  # seconds
STOP_WITHIN = 60.0  # seconds, the nodes of clusters shut down first
PACKAGES = {
    "dockerd": "docker.io",
    "containerd": "containerd",
    "runc": "runc",
    "iptables": "iptables",
    # Makes base images; a machine has use for it beside any engine.
    "debootstrap": "debootstrap",
}


class EngineUnavailable(Exception):
    """There is no engine to run containers with; the text says what to do."""


@dataclass(frozen=True)
class Engine:
    """A client on PATH and the engine it speaks to; None is the one that the user has chosen."""

    client: str
    host: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The environment in which docker, kind and skaffold find this engine."""
        chosen = {"DOCKER_HOST": self.host} if self.host else {}
        # The builder that every engine has; the other one needs a plugin.
        builder = {} if self._has_buildx() else {"DOCKER_BUILDKIT": "0"}
        return {**os.environ, **chosen, **builder}

    def __call__(self, *arguments: str, within: float = 60.0) -> str:
        """Run docker and return what it printed; raise CommandFailed."""
        chosen = {"DOCKER_HOST": self.host} if self.host else {}
        return run_quietly([self.client, *arguments], {**os.environ, **chosen}, within)

    def answers(self) -> bool:
        """Tell whether there is a server behind the client."""
        try:
            return bool(self("version", "--format", "{{.Server.Version}}", within=10.0).strip())
        except CommandFailed:
            return False

    def has_image(self, name: str) -> bool:
        """Tell whether the image is there already."""
        try:
            return bool(self("image", "inspect", "--format", "{{.Id}}", name))
        except CommandFailed:
            return False

    def _has_buildx(self) -> bool:
        try:
            return bool(self("buildx", "version"))
        except CommandFailed:
            return False


def own() -> Engine | None:
    """Return the engine of our own, if it runs; it is never used unless it was started."""
    client = shutil.which("docker")
    engine = Engine(client, f"unix://{SOCKET}") if client and SOCKET.exists() else None
    return engine if engine and engine.answers() else None


def find() -> Engine:
    """Return the engine that answers: the user's, else our own; raise EngineUnavailable."""
    client = shutil.which("docker")
    if not client:
        raise EngineUnavailable("There is no docker on PATH; install Docker, then run this again.")
    theirs = Engine(client)
    if theirs.answers():
        return theirs
    if ours := own():
        return ours
    raise EngineUnavailable(
        "The docker on PATH reaches no engine; start Docker, then run this again (or, as root on a machine"
        " that may be changed: `.venv/bin/python -m deploy.kind engine-up` installs and starts Debian's)."
    )


def start_own(console: Console) -> Engine:
    """Return an engine that answers, installing and starting one where there is none; needs root.

    What makes base images is installed in any case.
    """
    if os.geteuid() != 0:
        raise EngineUnavailable("Starting an engine needs root; run this as root, or start Docker yourself.")
    install(["debootstrap"] if _find_quietly() else PACKAGES, console)
    # Where systemd runs, a package may have started it.
    if found := _find_quietly():
        if found == own():
            install_runtime(RUN)  # whoever started it may have had another interpreter
        return found
    engine = Engine(shutil.which("docker") or "docker", f"unix://{SOCKET}")
    with console.status("Starting the container engine"):
        _start(engine)
    _clear(engine)
    console.print(f"Started a container engine of our own, process {PID_FILE.read_text().strip()}")
    return engine


def _find_quietly() -> Engine | None:
    with suppress(EngineUnavailable):
        return find()
    return None


def install(programs: Iterable[str], console: Console) -> None:
    """Install the Debian packages of the programs that are missing; no service is started."""
    packages = [PACKAGES[program] for program in programs if not shutil.which(program)]
    if packages and not shutil.which("apt-get"):
        raise EngineUnavailable(f"There is no apt-get to install {', '.join(packages)} with.")
    with console.status(f"Installing {', '.join(packages) or 'nothing'}"):
        if packages:
            _apt("update")
            _apt("install", "--yes", "--no-install-recommends", *packages)
        # In Debian 12 it comes with docker.io, since 13 it is a package of its own.
        if not shutil.which("docker"):
            _apt("install", "--yes", "--no-install-recommends", "docker-cli")


def _apt(*arguments: str) -> None:
    # RUNLEVEL=1: no package starts its service.
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    done = subprocess.run(["apt-get", "-qq", *arguments], env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise EngineUnavailable(f"apt-get {arguments[0]} failed: {done.stderr.strip()[-300:]}")


def _start(engine: Engine) -> None:
    folder = cache_dir() / "engine"
    folder.mkdir(parents=True, exist_ok=True)
    RUN.mkdir(parents=True, exist_ok=True)
    log = folder / "dockerd.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            daemon_command(folder, install_runtime(RUN)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_WITHIN
    while not engine.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            raise EngineUnavailable(f"dockerd does not answer; see {log}.")
        time.sleep(0.2)
    # It goes on without us.
    process.returncode = 0


def daemon_command(folder: Path, runtime: Path) -> Sequence[str]:
    """Return how our dockerd is started: nothing of it lies where another one would look."""
    return (
        "dockerd",
        *("--data-root", str(folder / "data"), "--exec-root", str(RUN / "exec")),
        *("--host", f"unix://{SOCKET}", "--pidfile", str(PID_FILE)),
        *("--add-runtime", f"orderflow={runtime}", "--default-runtime", "orderflow"),
        # Lowering it needs a capability that the machine may lack.
        *("--oom-score-adjust", "0"),
    )


def _clear(engine: Engine) -> None:
    """Remove what builds have left behind; nodes of clusters that were stopped are none of it."""
    engine("container", "prune", "--force", "--filter", "label!=io.x-k8s.kind.cluster", within=300.0)
    engine("image", "prune", "--force", "--filter", "until=24h", within=300.0)


def install_runtime(folder: Path) -> Path:
    """Write the runtime of our engine's containers to a folder; return where it is."""
    runtime = folder / "runtime"
    source = Path(__file__).with_name("runtime.py").read_text()
    # Not that of our virtual environment: the engine goes on when this checkout is gone.
    interpreter = Path(sys.executable).resolve()
    runtime.write_text(source.replace("#!/usr/bin/python3", f"#!{interpreter}", 1))
    runtime.chmod(0o755)
    return runtime


def stop_own() -> bool:
    """End our own engine and what runs in it; return whether there was one."""
    try:
        process = psutil.Process(int(PID_FILE.read_text()))
        if str(SOCKET) not in " ".join(process.cmdline()):
            return False
        process.send_signal(signal.SIGTERM)
        process.wait(STOP_WITHIN)
    except psutil.TimeoutExpired:
        process.kill()
    except (OSError, ValueError, psutil.NoSuchProcess):
        return False
    return True
