"""The database behind DATABASE_URL: engines for whoever writes the tables and for those who read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Dialect, Engine, Table, create_engine, event, make_url
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import ArgumentError

_SCHEMES = {
    "sqlite": "sqlite",
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_CONNECT_SECONDS = 5
_BUSY_SECONDS = 5.0
_CACHE_KIB = 65_536

# A server that is gone without a word is noticed after some seconds, not after the kernel's minutes.
_PATIENCE = {
    "connect_timeout": _CONNECT_SECONDS,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}

# A writer that is frozen in the middle of a transaction must not hold up for ever who takes over from it.
_BOUNDED = {"options": "-c lock_timeout=10000 -c idle_in_transaction_session_timeout=10000"}


def parse_url(text: str) -> URL:
    """Return the URL with the driver we use; raise ValueError, whose text has no password in it."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    scheme = _SCHEMES.get(url.drivername) if url else None
    if url is None or scheme is None:
        raise ValueError("must be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/NAME")
    if scheme == "sqlite" and url.database in (None, "", ":memory:"):
        raise ValueError("must name a file that several processes can open: sqlite:///FILE")
    return url.set(drivername=scheme)


def shown(text: str) -> str:
    """Return a database URL as it may be logged: without its password."""
    return parse_url(text).render_as_string(hide_password=True)


def sqlite_file(text: str) -> Path | None:
    """Return the file of an SQLite URL, None for a server."""
    url = parse_url(text)
    return Path(str(url.database)) if url.drivername == "sqlite" else None


def open_writer(text: str) -> Engine:
    """Return the engine of the process that writes the tables: one connection, made when it is first used.

    The file of SQLite is created, its folder too. A transaction has the write lock from its beginning.
    """
    url, file = parse_url(text), sqlite_file(text)
    if file is None:
        return create_engine(url, pool_size=1, max_overflow=0, connect_args=_PATIENCE | _BOUNDED)
    file.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, pool_size=1, max_overflow=0, connect_args={"timeout": _BUSY_SECONDS})
    _prepare_sqlite(engine, "IMMEDIATE", "PRAGMA journal_mode=WAL", f"PRAGMA cache_size=-{_CACHE_KIB}")
    return engine


def open_reader(text: str, connections: int = 4) -> Engine:
    """Return an engine that only reads, from several threads; a transaction sees one state of the tables.

    A file that does not exist is not created: the first query raises OperationalError.
    """
    url, file = parse_url(text), sqlite_file(text)
    if file is None:
        return create_engine(
            url,
            pool_size=connections,
            max_overflow=0,
            pool_timeout=_CONNECT_SECONDS,
            connect_args=_PATIENCE
            | {"options": "-c default_transaction_read_only=on -c statement_timeout=5000"},
            isolation_level="REPEATABLE READ",
        )
    uri = url.set(database=f"file:{quote(str(file))}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(
        uri,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_CONNECT_SECONDS,
        connect_args={"timeout": _BUSY_SECONDS},
    )
    _prepare_sqlite(engine, "DEFERRED", "PRAGMA query_only=ON")
    return engine


def _prepare_sqlite(engine: Engine, begin: str, *pragmas: str) -> None:
    """Set up each connection, and let SQLAlchemy's transactions be those of SQLite.

    Python's driver by itself begins one only at the first write, so that reads before it see another state.
    """

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        # A crash of the machine may cost the last transactions, never the file; they are read again.
        for pragma in ("PRAGMA synchronous=NORMAL", *pragmas):
            connection.execute(pragma)

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"BEGIN {begin}")


Insert = sqlite.Insert | postgresql.Insert


def insert_into(dialect: Dialect) -> Callable[[Table], Insert]:
    """Return the INSERT of a database, which both can take back to an upsert (`on_conflict_do_update`)."""
    return postgresql.insert if dialect.name == "postgresql" else sqlite.insert
