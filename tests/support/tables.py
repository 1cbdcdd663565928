"""The tables that analytics keeps for a pipeline of a test, held against a recount of its log."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from sqlalchemy.exc import OperationalError, ProgrammingError
from support.eventually import eventually
from support.pipeline import Pipeline
from support.recount import Told, recount, told_by

from orderflow.tables.database import open_reader

TOPICS = ("orders", "payments", "notifications", "order-status")


def log_of(pipeline: Pipeline) -> Told:
    """Count the committed log of a pipeline anew."""
    return recount(
        (topic, record.key(), record.value(), record.timestamp()[1])
        for topic in TOPICS
        for record in pipeline.read(topic)
    )


def tables_at(url: str) -> Told | None:
    """Return what the tables tell now; None while there are none."""
    engine = open_reader(url)
    try:
        with engine.connect() as connection:
            return told_by(connection)
    except (OperationalError, ProgrammingError):
        return None
    finally:
        engine.dispose()


def same_as_log(pipeline: Pipeline, url: str) -> None:
    """Wait until the tables say what the log says."""
    expected = log_of(pipeline)

    def same() -> bool:
        assert tables_at(url) == expected
        return True

    eventually(same, within=60)


def sqlite_in(folder: Path) -> str:
    return f"sqlite:///{quote(str(folder))}/tables.db"
