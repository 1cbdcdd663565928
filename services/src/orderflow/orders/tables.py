"""The tables as the API reads them: on threads of its own, for a bounded time, never in the way of orders."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import structlog
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from orderflow.tables.database import open_reader

log = structlog.get_logger(__name__)

T = TypeVar("T")

_REST_SECONDS = 1.0

# SQLSTATE of PostgreSQL: no such table, no such column.
_LACKING_STATES = {"42P01", "42703"}
_LACKING_WORDS = ("no such table", "no such column")


class TablesAway(Exception):
    """The tables cannot be asked now: the text is a sentence for people."""


NO_DATABASE = "The database of the tables does not answer; DATABASE_URL says where it is."
NO_TABLES = (
    "The database has no tables, or older ones than this version reads; analytics makes them when it starts."
)
TOO_MANY = "Too many questions wait for the database."
TOO_SLOW = "The database of the tables takes too long to answer."


class Tables:
    """Asks the tables from the event loop. A database that failed is left alone for a second.

    At most `room` questions are open at a time, each for `answer_seconds`.
    """

    def __init__(self, url: str, *, threads: int = 4, room: int = 100, answer_seconds: float = 4.0) -> None:
        self._engine: Engine = open_reader(url, threads)
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="tables")
        self._room = threading.Semaphore(room)
        self._answer_seconds = answer_seconds
        self._failed_at = -_REST_SECONDS
        self._trouble = ""

    async def ask(self, question: Callable[[Connection], T]) -> T:
        """Return the answer of `question`, all of it from one state of the tables; raise TablesAway."""
        if time.monotonic() - self._failed_at < _REST_SECONDS:
            raise TablesAway(self._trouble)
        if not self._room.acquire(blocking=False):
            raise TablesAway(TOO_MANY)
        asked = self._threads.submit(self._answer, question)
        asked.add_done_callback(lambda _: self._room.release())
        try:
            answer = await asyncio.wait_for(asyncio.wrap_future(asked), self._answer_seconds)
        except TimeoutError:
            raise self._failed(TOO_SLOW) from None
        except SQLAlchemyError as error:
            raise self._failed(_sentence(error)) from error
        self._told("")
        return answer

    def close(self) -> None:
        """Answer nothing more; a question under way ends by itself, soon."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._engine.dispose()

    def _answer(self, question: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            return question(connection)

    def _failed(self, sentence: str) -> TablesAway:
        self._failed_at = time.monotonic()
        self._told(sentence)
        return TablesAway(sentence)

    def _told(self, trouble: str) -> None:
        """Log once what has changed, not with every request."""
        if trouble != self._trouble:
            log.info("tables seen", reason=trouble or None)
        self._trouble = trouble


def _sentence(error: SQLAlchemyError) -> str:
    cause = error.orig if isinstance(error, DBAPIError) else None
    lacking = getattr(cause, "sqlstate", None) in _LACKING_STATES or any(
        words in str(cause) for words in _LACKING_WORDS
    )
    return NO_TABLES if lacking else NO_DATABASE
