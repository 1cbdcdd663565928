"""A dead letter is its record, whole, and a reason that always fits."""

from hypothesis import example, given
from hypothesis import strategies as st
from support.builders import record

from orderflow.events import InvalidEvent
from orderflow.streaming.batches import Headers
from orderflow.streaming.dead_letters import MAX_HEADER_BYTES, cut, dead_letter_headers
from orderflow.streaming.service import Failure, FailureKind

NAMES = [
    "dlq.topic",
    "dlq.partition",
    "dlq.offset",
    "dlq.timestamp",
    "dlq.group",
    "dlq.attempts",
    "dlq.error.class",
    "dlq.error.message",
]

headers = st.lists(
    st.tuples(
        st.text(max_size=20).filter(lambda name: not name.startswith("dlq.")),
        st.none() | st.binary(max_size=50),
    )
)
topics = st.from_regex(r"[A-Za-z0-9._-]{1,249}", fullmatch=True)
groups = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=255)
kinds = st.sampled_from(["invalid", "exhausted", "unexpected"])


def described(
    original: Headers | None, *, error: Exception, group: str = "g", topic: str = "orders"
) -> Headers:
    poison = record(b"\xff", partition=(topic, 3), offset=42, headers=original)
    return dead_letter_headers(poison, group, Failure("invalid", error, 2))


def size(dlq: Headers) -> int:
    return sum(len(name.encode()) + len(value or b"") for name, value in dlq)


def test_it_says_where_the_record_lay_and_why_it_failed() -> None:
    assert described(
        None, error=InvalidEvent("must be greater than 0", "$.amount"), group="payment-service"
    ) == [
        ("dlq.topic", b"orders"),
        ("dlq.partition", b"3"),
        ("dlq.offset", b"42"),
        ("dlq.timestamp", b"1700000000000"),
        ("dlq.group", b"payment-service"),
        ("dlq.attempts", b"2"),
        ("dlq.error.class", b"InvalidEvent"),
        ("dlq.error.message", b"$.amount: must be greater than 0"),
    ]


@given(original=headers, topic=topics, group=groups, error=st.text(), kind=kinds)
@example(original=[], topic="t" * 249, group="\U0001f600" * 255, error="я" * 5000, kind="exhausted")
@example(original=[], topic="t", group="g", error="\ud800" * 5000, kind="unexpected")
def test_original_headers_come_first_untouched_and_ours_always_fit(
    original: Headers, topic: str, group: str, error: str, kind: FailureKind
) -> None:
    poison = record(b"\xff", partition=(topic, 2**31 - 1), offset=2**63 - 1, headers=list(original))
    letter = dead_letter_headers(poison, group, Failure(kind, ValueError(error), 100))
    kept, ours = letter[: len(original)], letter[len(original) :]
    assert kept == original
    assert [name for name, _ in ours] == NAMES
    assert size(ours) <= MAX_HEADER_BYTES
    for _, value in ours:
        assert isinstance(value, bytes)
        value.decode("utf-8", "strict")


def test_a_reason_is_cut_as_late_as_possible() -> None:
    assert size(described([], error=ValueError("x" * 10_000))) == MAX_HEADER_BYTES


def test_an_error_class_with_a_name_without_end_leaves_room_for_the_message() -> None:
    endless = type("E" * 5000, (Exception,), {})
    letter = dict(described([], error=endless("why")))
    assert letter["dlq.error.message"] == b"why"
    assert size(list(letter.items())) <= MAX_HEADER_BYTES


@given(original=headers, first=st.text(max_size=50), second=st.text(max_size=50))
def test_a_record_that_fails_again_has_one_set_of_reasons_the_last(
    original: Headers, first: str, second: str
) -> None:
    once = described(original, error=ValueError(first), topic="orders")
    twice = described(once, error=KeyError(second), topic="orders.replayed")
    assert twice == described(original, error=KeyError(second), topic="orders.replayed")


@given(st.text(), st.integers(0, 60))
def test_text_is_cut_at_the_last_whole_character_that_fits(text: str, most: int) -> None:
    sayable = text.encode("utf-8", "replace").decode()
    shortened = cut(text, most)
    assert sayable.startswith(shortened)
    assert len(shortened.encode()) <= most
    rest = sayable[len(shortened) :]
    assert not rest or len((shortened + rest[0]).encode()) > most
