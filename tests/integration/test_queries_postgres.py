"""What tables on a real PostgreSQL tell: the same as tables in a file."""

from collections.abc import Iterator

import pytest
from support.filled_tables import FilledTables
from support.postgres import Postgres, binaries
from support.questions import *  # noqa: F403


@pytest.fixture(scope="module")
def filled() -> Iterator[FilledTables]:
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL server here (Debian: postgresql)")
    server = Postgres(programs)
    made = FilledTables(server.start().url)
    yield made
    made.close()
    server.remove()


@pytest.fixture
def tables(filled: FilledTables) -> FilledTables:
    """Empty tables; one server for all tests here."""
    filled.clear()
    return filled
