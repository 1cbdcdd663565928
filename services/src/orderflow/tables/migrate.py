"""Bring the tables of a database to the schema of this version, whoever else tries at the same time."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, Engine, text

_SCRIPTS = Path(__file__).parent / "migrations"
# Any number will do; no other program that shares the database may lock the same one.
_ADVISORY_LOCK = 0x6F72646572

# It tells at every start which database it sees; whoever migrates says what there is to say.
logging.getLogger("alembic").setLevel(logging.WARNING)


class TablesOfLaterVersion(Exception):
    """The tables were made by a later version of this program."""


def migrate(engine: Engine) -> bool:
    """Run the migrations that are missing, all in one transaction; return whether any was. Others wait.

    Raise TablesOfLaterVersion where this version does not know the tables, as after a rollback.
    """
    with engine.begin() as connection:
        # SQLite's transaction has the write lock already.
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ADVISORY_LOCK})
        config = _config(connection)
        scripts = ScriptDirectory.from_config(config)
        present = MigrationContext.configure(connection).get_current_revision()
        if present is not None:
            _require_known(scripts, present)
        missing = present != scripts.get_current_head()
        if missing:
            command.upgrade(config, "head")
        return missing


def _config(connection: Connection) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _require_known(scripts: ScriptDirectory, revision: str) -> None:
    try:
        scripts.get_revision(revision)
    except CommandError:
        raise TablesOfLaterVersion(
            f"the tables have version {revision}, which this program does not know: run the later one, or "
            "point DATABASE_URL at an empty database"
        ) from None
