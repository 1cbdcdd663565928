"""Base images made from Debian's packages, for machines that reach a Debian mirror but no image registry."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from deploy.kind.commands import CommandFailed, run_showing
from deploy.kind.engine import Engine
from orderflow_local.kafka.distribution import cache_dir, locked

CERTIFICATES = Path("etc/ssl/certs/ca-certificates.crt")
# Nobody reads these inside of a container, and they are a third of it.
UNREAD = ("usr/share/doc", "usr/share/man", "usr/share/locale", "var/cache/apt/archives", "var/lib/apt/lists")


class DebianUnavailable(Exception):
    """A base image can neither be pulled nor made here; the text says what is missing."""


@dataclass(frozen=True)
class Debian:
    """A release with some packages more than the least."""

    name: str
    suite: str
    packages: tuple[str, ...] = ()
    changes: tuple[str, ...] = ()
    certificates: bytes = b""

    @property
    def image(self) -> str:
        """The image's name, which tells by its digest what it was asked to be."""
        asked = repr((self.suite, self.packages, self.changes, UNREAD)).encode() + self.certificates
        return f"orderflow/{self.name}:{hashlib.sha256(asked).hexdigest()[:12]}"


def obtain(debian: Debian, engine: Engine, console: Console) -> str:
    """Return the name of the image, made on the first call on this engine; needs root the first time."""
    cache_dir().mkdir(parents=True, exist_ok=True)
    with locked(cache_dir() / f"{debian.name}-image.lock"):
        if not engine.has_image(debian.image):
            require_tools()
            with _folder_for_a_root() as root:
                _unpack(debian, root, console)
                _import(debian, root, engine, console)
    return debian.image


def require_tools() -> None:
    """Raise DebianUnavailable where no base image can be made."""
    if os.geteuid() != 0:
        raise DebianUnavailable("Making a base image from Debian's packages needs root; run this as root.")
    if not shutil.which("debootstrap"):
        raise DebianUnavailable(
            "There is no debootstrap to make a base image with; install it (Debian: debootstrap)."
        )


@contextmanager
def _folder_for_a_root() -> Iterator[Path]:
    # In the cache, for what is mounted as /tmp may forbid devices.
    staging = Path(tempfile.mkdtemp(prefix="debian-", dir=cache_dir()))
    try:
        yield staging / "root"
    finally:
        # Left behind by a debootstrap that was killed.
        for mounted in ("proc", "sys"):
            if os.path.ismount(staging / "root" / mounted):
                subprocess.run(["umount", "--recursive", str(staging / "root" / mounted)], check=True)
        shutil.rmtree(staging)


def _unpack(debian: Debian, root: Path, console: Console) -> None:
    command = ["debootstrap", "--variant=minbase"]
    if debian.packages:
        command.append(f"--include={','.join(debian.packages)}")
    run_showing(
        f"Unpacking Debian {debian.suite} for {debian.name}",
        [*command, debian.suite, str(root)],
        console,
    )
    for folder in UNREAD:
        shutil.rmtree(root / folder, ignore_errors=True)
        (root / folder).mkdir(parents=True)
    if debian.certificates:
        (root / CERTIFICATES).write_bytes(debian.certificates)


def _import(debian: Debian, root: Path, engine: Engine, console: Console) -> None:
    changes = [argument for change in debian.changes for argument in ("--change", change)]
    archive = root.with_suffix(".tar")
    pack = ["tar", "--directory", str(root), "--create", "--numeric-owner", "--file", str(archive), "."]
    run_showing(f"Packing {debian.name}", pack, console)
    engine("import", *changes, str(archive), debian.image, within=300.0)


def host_certificates() -> bytes:
    """Return the certificates that this machine trusts, among them those of a proxy of its own."""
    for place in (os.environ.get("SSL_CERT_FILE"), f"/{CERTIFICATES}"):
        if place and Path(place).is_file():
            return Path(place).read_bytes()
    return b""


PYTHON_IMAGE = "python:3.13-slim"


def python_stand_in(certificates: bytes) -> Debian:
    """Return what stands in for the official image of Python."""
    trusted = f"/{CERTIFICATES}"
    return Debian(
        "python",
        "trixie",
        ("ca-certificates", "python3-pip", "python3.13", "python3.13-venv"),
        (f"ENV SSL_CERT_FILE={trusted} PIP_CERT={trusted}", 'CMD ["python3"]'),
        certificates,
    )


def obtain_python(engine: Engine, console: Console) -> None:
    """See to it that the engine has the image that ours are built on: pulled, else made here."""
    stand_in = python_stand_in(host_certificates())
    if engine.has_image(PYTHON_IMAGE) and not _is_another_stand_in(engine, stand_in):
        return
    try:
        engine("pull", "--quiet", PYTHON_IMAGE, within=600.0)
    except CommandFailed:
        engine("tag", obtain(stand_in, engine, console), PYTHON_IMAGE)


def _is_another_stand_in(engine: Engine, stand_in: Debian) -> bool:
    names: Sequence[str] = engine(
        "image", "inspect", "--format", "{{range .RepoTags}}{{println .}}{{end}}", PYTHON_IMAGE
    ).split()
    made_here = [name for name in names if name.startswith("orderflow/python:")]
    return bool(made_here) and stand_in.image not in made_here
