"""The tables' database: its URL, its migrations, and that readers can do no harm."""

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import insert, select, text
from sqlalchemy.exc import OperationalError

from orderflow.tables.database import open_reader, open_writer, parse_url, shown
from orderflow.tables.migrate import TablesOfLaterVersion, migrate
from orderflow.tables.schema import metadata, status_counts


@pytest.fixture
def url(tmp_path: Path) -> str:
    """An SQLite database that does not exist yet, nor does its folder."""
    return f"sqlite:///{tmp_path}/new folder 100%/tables.db"


def test_the_migrations_lead_to_the_schema(url: str) -> None:
    engine = open_writer(url)
    migrate(engine)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_migrating_again_changes_nothing_that_is_in_the_tables(url: str) -> None:
    engine = open_writer(url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(insert(status_counts).values(partition=3, status="PAID", count=7))
    migrate(engine)
    with engine.connect() as connection:
        assert connection.execute(select(status_counts)).all() == [(3, "PAID", 7)]
    engine.dispose()


def test_tables_of_a_later_version_are_left_alone(url: str) -> None:
    engine = open_writer(url)
    migrate(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(TablesOfLaterVersion, match="version 9999"):
        migrate(engine)
    engine.dispose()


def test_a_reader_sees_what_was_written_and_cannot_write(url: str) -> None:
    writer, reader = open_writer(url), open_reader(url)
    migrate(writer)
    change = insert(status_counts).values(partition=0, status="PAID", count=1)
    with writer.begin() as connection:
        connection.execute(change)
    with reader.connect() as connection:
        assert connection.execute(select(status_counts.c.count)).scalar() == 1
        with pytest.raises(OperationalError, match="readonly"):
            connection.execute(change)
    writer.dispose()
    reader.dispose()


def test_a_transaction_of_a_reader_sees_one_state(url: str) -> None:
    writer, reader = open_writer(url), open_reader(url)
    migrate(writer)
    counted = select(status_counts.c.count)
    with reader.connect() as reading:
        assert reading.execute(counted).all() == []
        with writer.begin() as connection:
            connection.execute(insert(status_counts).values(partition=0, status="PAID", count=1))
        assert reading.execute(counted).all() == []
    with reader.connect() as reading:
        assert reading.execute(counted).all() == [(1,)]
    writer.dispose()
    reader.dispose()


def test_a_reader_makes_no_database(tmp_path: Path) -> None:
    reader = open_reader(f"sqlite:///{tmp_path}/tables.db")
    with pytest.raises(OperationalError, match="unable to open"), reader.connect():
        pass
    assert list(tmp_path.iterdir()) == []
    reader.dispose()


@pytest.mark.parametrize("url", ["postgres://o:secret@db/orders", "postgresql://o:secret@db/orders"])
def test_a_server_is_spoken_to_by_one_driver_and_its_password_is_not_shown(url: str) -> None:
    assert parse_url(url).drivername == "postgresql+psycopg"
    assert shown(url) == "postgresql+psycopg://o:***@db/orders"


@pytest.mark.parametrize(
    "url", ["", "tables.db", "mysql://o:secret@db/orders", "sqlite://", "sqlite:///:memory:"]
)
def test_another_database_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(ValueError, match="must") as refused:
        parse_url(url)
    assert "secret" not in str(refused.value)
