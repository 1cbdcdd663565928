"""A real PostgreSQL server of one test, on a port of this machine; it can be stopped and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psycopg
from support.eventually import eventually

from orderflow_local.net import free_port

# Not asked for here, and nobody may show it.
PASSWORD = "not-to-be-seen"

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)


def binaries() -> Path | None:
    """Return the folder with `initdb` and `postgres`, None where there is none."""
    found = shutil.which("initdb")
    places = [*([Path(found).resolve().parent] if found else []), *_PLACES]
    return next((place for place in places if (place / "postgres").exists()), None)


class Postgres:
    """One server with the database `postgres`, whose user `orderflow` needs no password here."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        # Not below pytest's folder, where nobody but its owner may go: the server refuses to run as root.
        self._folder = Path(tempfile.mkdtemp(prefix="orderflow-postgres-"))
        self._user: int | None = None
        if os.geteuid() == 0:
            self._user = pwd.getpwnam("nobody").pw_uid
            os.chown(self._folder, self._user, -1)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._initialize()

    @property
    def url(self) -> str:
        return f"postgresql://orderflow:{PASSWORD}@127.0.0.1:{self._port}/postgres"

    @property
    def log(self) -> str:
        return (self._folder / "log").read_text()

    def start(self) -> Postgres:
        """Start the server and return once it answers."""
        options = f"-p {self._port} -k {self._folder} -c listen_addresses=127.0.0.1 -c fsync=off".split()
        with (self._folder / "log").open("ab") as output:
            self._process = subprocess.Popen(
                [self._programs / "postgres", "-D", self._data, *options],
                stdout=output,
                stderr=output,
                cwd=self._folder,
                user=self._user,
            )
        eventually(self._answers, within=30)
        return self

    def stop(self) -> None:
        """End the server at once: whoever is connected is cut off."""
        if self._process:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(30)
            self._process = None

    def replace(self) -> None:
        """End the server, and start one in its place that has nothing in it."""
        self.stop()
        shutil.rmtree(self._data)
        self._initialize()
        self.start()

    def remove(self) -> None:
        """Stop it and leave nothing behind."""
        self.stop()
        shutil.rmtree(self._folder)

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _answers(self) -> bool:
        assert self._process is not None, "it was started"
        assert self._process.poll() is None, self.log
        try:
            psycopg.connect(self.url, connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def _initialize(self) -> None:
        self._run("initdb", "-D", str(self._data), "-U", "orderflow", "-A", "trust", "-N", "-E", "UTF8")

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), *arguments]
        subprocess.run(command, check=True, capture_output=True, cwd=self._folder, user=self._user)
