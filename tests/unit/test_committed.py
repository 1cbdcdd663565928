"""What a committed offset says in its metadata, within what a broker takes."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_lag.committed import WINDOW, Committed

bitmaps = st.integers(0, 1 << 64) | st.integers(0, (1 << WINDOW) - 1)
standings = st.builds(Committed, st.integers(0, 1 << 40), st.integers(0, 9), bitmaps, st.integers(0, 3))


@given(standings)
def test_what_is_written_is_read_again_and_fits(at: Committed) -> None:
    assert Committed.read(at.offset, at.metadata) == at
    assert len(at.metadata) <= 3900


def test_who_has_nothing_to_say_says_nothing() -> None:
    assert Committed(7).metadata == ""


def test_the_format_is_as_documented() -> None:
    at = Committed(100, attempts=2, finished=0b1_0000_0010)
    assert at.metadata == "of1;2;AgE="
    assert [offset for offset in range(95, 112) if at.covers(offset)] == [95, 96, 97, 98, 99, 101, 108]
    assert at.ahead == 2
    assert replace(at, takeovers=1).metadata == "of1;2;AgE=;1"


@pytest.mark.parametrize(
    "foreign",
    [
        None,
        "",
        "hello",
        "of2;1;AQ==",
        "of1",
        "of1;",
        "of1;x;AQ==",
        "of1;-1;AQ==",
        "of1;1;!!",
        "of1;1;AQ=",
        "of1;²;AQ==",
        "of1;1;AQ==;",
        "of1;1;AQ==;x",
        "of1;1;AQ==;1;1",
    ],
)
def test_what_somebody_else_wrote_means_nothing(foreign: str | None) -> None:
    assert Committed.read(5, foreign) == Committed(5)


def test_more_than_a_broker_takes_is_never_sent() -> None:
    with pytest.raises(ValueError, match="finished 30001 offsets ahead"):
        _ = Committed(0, finished=1 << 30_000).metadata


@given(standings, st.frozensets(st.integers(0, 300), max_size=20))
def test_without_some_records_all_others_are_as_they_were(at: Committed, ahead: frozenset[int]) -> None:
    # Records that were finished lie on both sides of the offset.
    offsets = frozenset(max(0, at.offset - 100) + each for each in ahead)
    less = at.without(offsets)
    for offset in range(max(0, at.offset - 110), at.offset + 320):
        assert less.covers(offset) == (at.covers(offset) and offset not in offsets)
