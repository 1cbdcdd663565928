"""The program of the chart's own database: an empty folder becomes a server with the password of a file."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from support.eventually import eventually

from orderflow_local.net import free_port

PROGRAM = Path(__file__).parents[2] / "deploy" / "helm" / "orderflow" / "files" / "run_database.sh"
INSTALLED = list(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder of the user that the server runs as; root's tests have none that others may enter."""
    made = Path(tempfile.mkdtemp(prefix="database-", dir="/tmp"))
    if os.geteuid() == 0:
        shutil.chown(made, "postgres")
    yield made
    shutil.rmtree(made)


@contextmanager
def running(folder: Path, password: str) -> Iterator[str]:
    """The server, killed afterwards; gives where it is, without a password."""
    (folder / "password").write_text(password)
    (folder / "password").chmod(0o644)
    port = free_port()
    own = {
        "PATH": os.environ["PATH"],
        "PGDATA": str(folder / "tables"),
        "PASSWORD_FILE": str(folder / "password"),
        "PGPORT": str(port),
        "LISTEN_ADDRESSES": "127.0.0.1",
        "TMPDIR": str(folder),
    }
    user = "postgres" if os.geteuid() == 0 else None
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            ["sh", str(PROGRAM)], env=own, user=user, stdout=log, stderr=log, start_new_session=True
        )
    where = f"postgresql://orderflow@127.0.0.1:{port}/orderflow"
    try:
        eventually(lambda: is_up(process, where, password, folder), within=60)
        yield where
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def is_up(process: subprocess.Popen[bytes], where: str, password: str, folder: Path) -> bool:
    assert process.poll() is None, (folder / "log").read_text()
    try:
        psycopg.connect(where, password=password, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


@pytest.mark.skipif(len(INSTALLED) != 1, reason="there is no PostgreSQL of Debian, or more than one")
def test_the_bundled_database_survives_a_kill_and_takes_a_new_password(folder: Path) -> None:
    with running(folder, "first") as where, psycopg.connect(where, password="first") as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        connection.commit()
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(where.replace("orderflow@", "postgres@"), password="first")

    with running(folder, "it's another") as where:
        with psycopg.connect(where, password="it's another") as connection:
            assert connection.execute("SELECT one FROM kept").fetchall() == [(1,)]
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(where, password="first")
