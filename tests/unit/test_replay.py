"""Dead letters as records tell of them, which are meant, and what a replay does with each."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow.cli.moments import moment
from orderflow.replay.letters import Header, Letter, Place, Selection, letter_of
from orderflow.replay.plan import REPLAYED_FROM, buried_at, outgoing, planned
from orderflow.streaming.batches import Record
from orderflow.streaming.dead_letters import dead_letter_headers
from orderflow.streaming.service import Failure

AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
ORIGINAL: list[tuple[str, str | bytes | None]] = [
    ("correlation_id", b"ORD-1"),
    ("traceparent", TRACE),
    ("odd", None),
]


LETTER, SOURCE = Place("failed-payments", 2, 17), Place("orders", 3, 12)


def buried(
    place: Place = LETTER,
    source: Place = SOURCE,
    at: int = 1_000,
    key: bytes | None = b"user-1",
    prefix: str = "",
) -> Letter:
    """Return a letter as a worker buries a record."""
    record = Record((prefix + source.topic, source.partition), source.offset, 5, key, b"{}", ORIGINAL)
    headers: list[Header] = [
        (name, value.encode() if isinstance(value, str) else value)
        for name, value in dead_letter_headers(
            record, "payment-service", Failure("exhausted", TimeoutError("no answer"), 3)
        )
    ]
    return letter_of(place, at, key, b"{}", headers, prefix)


def test_a_letter_says_what_the_worker_wrote() -> None:
    letter = buried(prefix="mine.")
    assert letter.source == Place("orders", 3, 12)
    assert (letter.attempts, letter.reason) == ("3", "TimeoutError: no answer")
    assert list(letter.headers) == ORIGINAL


def test_what_somebody_else_wrote_to_the_topic_has_no_source_and_stays() -> None:
    letter = letter_of(Place("failed-orders", 0, 0), 1, None, None, [("dlq.topic", b"orders")])
    assert (letter.source, letter.reason) == (None, "unknown")
    assert [step.stays for step in planned([letter], {})] == ["does not say where it belongs"]
    with pytest.raises(ValueError, match="failed-orders/0/0 does not say where it belongs"):
        outgoing(letter, "", AT)


@pytest.mark.parametrize(
    ("selection", "taken"),
    [
        (Selection(), True),
        (Selection(since=1_000), True),
        (Selection(since=1_001), False),
        (Selection(until=1_000), False),
        (Selection(until=1_001), True),
        (Selection(key="user-1"), True),
        (Selection(key="user-2"), False),
        (Selection(reason="timeout"), True),
        (Selection(reason="no ANSWER"), True),
        (Selection(reason="declined"), False),
        (Selection(letters=frozenset({"failed-payments/2/17"})), True),
        (Selection(letters=frozenset({"failed-payments/2/18"})), False),
        (Selection(key="user-1", reason="declined"), False),
    ],
)
def test_a_selection_takes_what_is_meant(selection: Selection, taken: bool) -> None:
    assert selection.takes(buried()) is taken


def test_the_record_goes_back_as_it_was_and_a_marker_with_it() -> None:
    letter = buried()
    (topic, key, value, headers), marker = outgoing(letter, "mine.", AT)
    assert (topic, key, value) == ("mine.orders", b"user-1", b"{}")
    assert headers == [*ORIGINAL, (REPLAYED_FROM, b"failed-payments/2/17")]
    assert marker[:2] == ("mine.dlq-replays", b"failed-payments/2/17")
    assert buried_at(marker[2]) == letter.at
    assert dict(marker[3])["traceparent"] == TRACE
    assert dict(marker[3])["correlation_id"] == b"ORD-1"


def test_what_fails_again_has_one_set_of_dead_letter_headers() -> None:
    back = outgoing(buried(), "", AT)[0]
    record = Record(("orders", 3), 99, 5, back[1], back[2], back[3])
    again = dead_letter_headers(record, "payment-service", Failure("invalid", ValueError("x"), 1))
    names = [name for name, _ in again]
    assert len(names) == len(set(names))
    assert REPLAYED_FROM not in names


def test_a_letter_with_a_marker_stays_but_not_one_of_another_time_in_its_place() -> None:
    letter = buried(at=1_000)
    (done,) = planned([letter], {str(letter.place): 1_000})
    assert done.stays == "was replayed before"
    (step,) = planned([letter], {str(letter.place): 999})  # of a topic that was deleted and made again
    assert step.stays is None


def test_what_others_have_handled_stays() -> None:
    place, source = Place("failed-notifications", 0, 1), Place("payments", 0, 1)
    (step,) = planned([buried(place, source)], {})
    assert step.stays == "others have handled its record"


@given(
    st.permutations([Place("orders", partition, offset) for partition in range(2) for offset in range(5)]),
    st.integers(0, 10),
)
def test_those_of_a_partition_go_back_in_the_order_in_which_they_came(sources: list[Place], cut: int) -> None:
    topics = ["failed-orders" if number < cut else "failed-payments" for number in range(len(sources))]
    letters = [
        buried(Place(topic, 0, number), source)
        for number, (topic, source) in enumerate(zip(topics, sources, strict=True))
    ]
    back = [step.letter.source for step in planned(letters, {}) if step.letter.source]
    assert len(back) == len(letters)
    for partition in range(2):
        offsets = [source.offset for source in back if source.partition == partition]
        assert offsets == sorted(offsets)


@pytest.mark.parametrize("value", [None, b"", b"{}", b"\xff", b'{"buried_at": "x"}'])
def test_what_is_no_marker_marks_nothing(value: bytes | None) -> None:
    assert buried_at(value) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 970.0),
        ("1.5m", 910.0),
        ("1970-01-01T00:00:05", 5.0),
        ("1970-01-01T01:00:05+01:00", 5.0),
        ("1970-01-01", 0.0),
    ],
)
def test_a_moment_is_so_long_ago_or_a_time(text: str, seconds: float) -> None:
    assert moment(text, now=1_000.0) == seconds


@pytest.mark.parametrize("text", ["", "15", "m", "yesterday", "-5m"])
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid isoformat"):
        moment(text, now=1_000.0)
