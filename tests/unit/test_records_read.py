"""A consumed message as a record: what is shared, and what is made only when it is asked for."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass, field

import pytest
from confluent_kafka import Message

from orderflow.streaming import heap
from orderflow.streaming.batches import Headers, Record
from orderflow.streaming.source import record_of

HEADERS: Headers = [("source", b"order-service"), ("source", None)]


@dataclass
class Counting:
    """A message that counts how often it makes its headers."""

    asked: list[str] = field(default_factory=list)

    def headers(self) -> Headers:
        self.asked.append("headers")
        return HEADERS


def message(offset: int) -> Message:
    return Message("orders", 3, offset, b"alice", b"{}", [*HEADERS], None, (1, 1_700_000_000_000))


def test_a_record_has_all_that_its_message_has() -> None:
    record = record_of(message(7))

    assert (record.partition, record.offset, record.timestamp) == (("orders", 3), 7, 1_700_000_000_000)
    assert (record.key, record.value, record.headers) == (b"alice", b"{}", HEADERS)
    assert record.headers == HEADERS, "they can be read again"


def test_the_records_of_a_partition_share_their_place() -> None:
    assert record_of(message(7)).partition is record_of(message(8)).partition


def test_the_headers_of_a_record_that_waits_are_not_made_yet() -> None:
    source = Counting()
    record = Record(("orders", 3), 7, 0, None, None, source)

    assert source.asked == []
    assert record.headers == HEADERS
    assert source.asked == ["headers"]


def test_a_record_may_have_no_headers() -> None:
    assert Record(("orders", 3), 7, 0, None, None, None).headers is None


class OfGlibc:
    """A C library that takes down how it was set."""

    def __init__(self) -> None:
        self.options: list[tuple[int, int]] = []

    def mallopt(self, parameter: int, value: int) -> int:
        self.options.append((parameter, value))
        return 1


def test_small_blocks_are_freed_at_once_where_the_c_library_is_glibc(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = OfGlibc()
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: library)

    heap.free_small_blocks_at_once()

    assert library.options == [(1, 0)], "M_MXFAST is 1 in glibc's malloc.h"


def test_another_c_library_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda _name: object())

    heap.free_small_blocks_at_once()
