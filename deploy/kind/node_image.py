"""The image of a kind node, made here from Debian's packages and programs built from their Go modules."""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console

from deploy.kind import debian, parts
from deploy.kind.commands import CommandFailed, run_showing
from deploy.kind.debian import Debian
from deploy.kind.engine import Engine
from deploy.kind.parts import Part
from orderflow_local.kafka.distribution import cache_dir, locked

FILES = Path(__file__).with_name("node")
RUNTIME = Path(__file__).with_name("runtime.py")
VERSION = f"v{parts.KUBELET.version}"
# The last Debian whose systemd knows cgroup v1 without being forced to.
DEBIAN = Debian("debian", "bookworm")
CONTROL_PLANE = (parts.API_SERVER, parts.CONTROLLERS, parts.SCHEDULER, parts.PROXY, parts.ETCD)
ON_THE_NODE = (parts.KUBELET, parts.KUBEADM, parts.KUBECTL)
ALONE = (parts.COREDNS, parts.PAUSE)


def image(files: Path = FILES) -> str:
    """Return the node image's name, which tells by its digest what it is made of."""
    made_of = hashlib.sha256(DEBIAN.image.encode())
    for part in (*CONTROL_PLANE, *ON_THE_NODE, *ALONE):
        made_of.update(f"{part}\n".encode())
    for file in (*sources(files), RUNTIME, Path(__file__)):
        made_of.update(f"{file.name}\n".encode() + file.read_bytes())
    return f"orderflow/kind-node:{VERSION}-{made_of.hexdigest()[:12]}"


def sources(folder: Path) -> list[Path]:
    """Return the files in a folder; what an interpreter leaves beside them is none."""
    return sorted(file for file in folder.iterdir() if file.is_file())


def obtain(engine: Engine, console: Console) -> str:
    """Return the name of the node image, made on the first call on this engine."""
    name = image()
    cache_dir().mkdir(parents=True, exist_ok=True)
    with locked(cache_dir() / "node-image.lock"):
        if not engine.has_image(name):
            _make(name, engine, console)
            _remove_older(engine, name)
    return name


def _make(name: str, engine: Engine, console: Console) -> None:
    for part in (*CONTROL_PLANE, *ON_THE_NODE, *ALONE):
        parts.obtain(part, console)
    base, pods = debian.obtain(DEBIAN, engine, console), pod_images()
    with _folder() as folder:
        _lay_out(folder, pods[parts.PAUSE])
        _save_pod_images(pods, base, folder, engine, console)
        _build(engine, console, FILES / "Dockerfile", folder, name, DEBIAN_IMAGE=base)


def _remove_older(engine: Engine, name: str) -> None:
    names = engine("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", name.split(":")[0]).split()
    for older in set(names) - {name}:
        # One that a cluster still runs on stays.
        with suppress(CommandFailed):
            engine("image", "rm", older)


def pod_images() -> dict[Part, str]:
    """Return under which name kubeadm looks for each program's image."""
    listed = subprocess.run(
        [str(parts.KUBEADM.path), "config", "images", "list", "--kubernetes-version", VERSION],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    return by_program(listed)


def by_program(listed: list[str]) -> dict[Part, str]:
    """Return the image name of each program, told by the last part of its path."""
    by_last = {name.rsplit("/", 1)[1].split(":")[0]: name for name in listed}
    return {part: by_last[part.name] for part in (*CONTROL_PLANE, *ALONE)}


def _lay_out(folder: Path, pause_image: str) -> None:
    """Put everything that the node's Dockerfile copies into the folder."""
    for name in ("bin", "units", "images"):
        (folder / name).mkdir()
    for part in ON_THE_NODE:
        shutil.copy2(part.path, folder / "bin" / part.name)
    for file in sources(FILES):
        if file.suffix in (".service", ".slice"):
            shutil.copy(file, folder / "units" / file.name)
        elif file.suffix != ".Dockerfile":
            shutil.copy(file, folder / file.name)
    shutil.copy(RUNTIME, folder / RUNTIME.name)
    containerd = folder / "containerd.toml"
    containerd.write_text(containerd.read_text().replace("PAUSE_IMAGE", pause_image))
    (folder / "version").write_text(VERSION)


def _save_pod_images(
    pods: dict[Part, str], base: str, folder: Path, engine: Engine, console: Console
) -> None:
    """Save the images under names of our own, for the engine may have some of those that kubeadm asks for."""
    ours = {part: f"orderflow/pods-{part.name}:{part.version}" for part in ALONE}
    for part, name in ours.items():
        _build(engine, console, FILES / "single.Dockerfile", part.path.parent, name, PROGRAM=part.name)
    shared = f"orderflow/pods-control-plane:{VERSION}"
    with _folder() as programs:
        for part in CONTROL_PLANE:
            shutil.copy2(part.path, programs / part.name)
        _build(engine, console, FILES / "control-plane.Dockerfile", programs, shared, DEBIAN_IMAGE=base)
    engine("save", "--output", str(folder / "images" / "pods.tar"), *ours.values(), shared, within=300.0)
    engine("image", "rm", *ours.values(), shared)
    names = [f"docker.io/{ours.get(part, shared)} {name}\n" for part, name in pods.items()]
    (folder / "images" / "names").write_text("".join(names))


def _build(
    engine: Engine, console: Console, dockerfile: Path, context: Path, name: str, **arguments: str
) -> None:
    given = [argument for key, value in arguments.items() for argument in ("--build-arg", f"{key}={value}")]
    run_showing(
        f"Building {name}",
        [engine.client, "build", "--file", str(dockerfile), "--tag", name, *given, str(context)],
        console,
        engine.environment,
    )


@contextmanager
def _folder() -> Iterator[Path]:
    """Give a folder beside the programs, for a moment."""
    with tempfile.TemporaryDirectory(prefix="node-image-", dir=cache_dir()) as folder:
        yield Path(folder)
