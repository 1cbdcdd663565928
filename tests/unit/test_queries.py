"""What tables in a file tell, and the cursors that lead through them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.filled_tables import NOON_MS, FilledTables, sqlite_tables
from support.questions import *  # noqa: F403

from orderflow.tables.paging import Place


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[FilledTables]:
    made = sqlite_tables(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    "cursor", ["", "x", "é" * 40, "0" * 39, "0" * 41, "0" * 40 + "\n", "f" * 40, "A" * 40]
)
def test_a_cursor_that_nobody_made_is_none(cursor: str) -> None:
    with pytest.raises(ValueError, match="hexadecimal"):
        Place.read(cursor)


def test_a_cursor_leads_back_to_its_place() -> None:
    for place in (Place(NOON_MS, 11, 123_456_789_012), Place(-1, 2**31 - 1, 2**63 - 1)):
        assert Place.read(place.cursor) == place
