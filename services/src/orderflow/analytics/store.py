"""The tables as a store: one database transaction for the rows of a batch and the offsets behind it."""

from __future__ import annotations

import fcntl
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import TextIO

import structlog
from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import DBAPIError

from orderflow.analytics.facts import Facts, read
from orderflow.analytics.projection import changes
from orderflow.analytics.statements import Statements
from orderflow.events.groups import ANALYTICS, TOPICS_OF
from orderflow.observability.at_work import place_of
from orderflow.streaming import metrics
from orderflow.streaming.batches import Partition, Record
from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.store import Move, Overtaken, StoreUnavailable
from orderflow.tables.database import open_writer, shown, sqlite_file
from orderflow.tables.migrate import TablesOfLaterVersion, migrate
from orderflow.tables.schema import offsets

log = structlog.get_logger(__name__)


class TableStore:
    """For one thread. `prefix` is that of the topics, `group` the one that reads them."""

    def __init__(self, url: str, *, prefix: str, group: str, unit_price: Decimal) -> None:
        self._url = url
        self._prefix = prefix
        self._group = group
        self._unit_price = unit_price
        for topic in TOPICS_OF[ANALYTICS]:
            metrics.UNREADABLE.labels(ANALYTICS, topic)  # Prometheus sees no increase by a first one.
        self._lock: TextIO | None = None
        self._engine: Engine | None = None
        self._statements: Statements | None = None

    def open(self) -> None:
        """Take the file, if it is one, and migrate the tables."""
        file = sqlite_file(self._url)
        with self._answering():
            self._engine = self._engine or open_writer(self._url)
            if file and self._lock is None:
                self._lock = _taken(file)
            try:
                migrated = migrate(self._engine)
            except TablesOfLaterVersion as later:
                raise WorkerStopped(f"{shown(self._url)}: {later}") from later
        if migrated or self._statements is None:
            log.info("tables are ready", database=shown(self._url))
        self._statements = Statements(self._engine.dialect)

    def positions(self) -> dict[Partition, int]:
        with self._transaction() as (connection, _statements):
            rows = connection.execute(select(offsets.c.topic, offsets.c.partition, offsets.c.next))
            return {(topic, partition): after for topic, partition, after in rows}

    def write(self, records: Sequence[Record], moves: Mapping[Partition, Move]) -> None:
        facts = read(records, prefix=self._prefix, unit_price=self._unit_price)
        with self._transaction() as (connection, statements):
            # First, as whoever else owns a partition waits here until this one is decided.
            _advance(connection, statements, moves, facts)
            if records:
                statements.write(connection, facts, changes(facts, statements.read_old(connection, facts)))
        for record, reason in facts.unreadable:
            metrics.UNREADABLE.labels("analytics", record.partition[0].removeprefix(self._prefix)).inc()
            log.warning("unreadable record", reason=reason, **place_of(record, self._group))

    def ping(self) -> None:
        with self._transaction() as (connection, _statements):
            connection.execute(select(offsets.c.next).limit(1))

    def close(self) -> None:
        if self._engine:
            self._engine.dispose()
        if self._lock:
            self._lock.close()

    @contextmanager
    def _transaction(self) -> Iterator[tuple[Connection, Statements]]:
        assert self._engine is not None, "open() comes first"
        assert self._statements is not None, "open() comes first"
        with self._answering(), self._engine.begin() as connection:
            yield connection, self._statements

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Turn what a database cannot do just now into StoreUnavailable: all may be tried again."""
        try:
            yield
        except (DBAPIError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            said = (str(cause).strip().splitlines() or [type(cause).__name__])[0]
            raise StoreUnavailable(f"the database {shown(self._url)}: {said}") from error


def _advance(
    connection: Connection, statements: Statements, moves: Mapping[Partition, Move], facts: Facts
) -> None:
    """Move the offsets on from where they were, all of them or none."""
    now, more = int(time.time() * 1000), Counter(record.partition for record, _reason in facts.unreadable)
    first, later = [], []
    for (topic, partition), move in sorted(moves.items()):
        place = {"of_topic": topic, "of_partition": partition}
        if move.before is None:
            first.append(
                {
                    "topic": topic,
                    "partition": partition,
                    "next": move.next,
                    "log_end": move.log_end,
                    "unreadable": more[topic, partition],
                    "updated_ms": now,
                }
            )
        else:
            change = {"before": move.before, "to": move.next, "end": move.log_end, "now": now}
            later.append(place | change | {"more": more[topic, partition]})
    moved = statements.move(connection, first, later)
    if moved != len(moves):
        raise Overtaken(f"{len(moves) - moved} of {len(moves)} partitions stand elsewhere in the tables")


def _taken(file: Path) -> TextIO:
    """Return a lock on a database file, which the kernel lets go of when this process ends."""
    lock = file.with_name(file.name + ".lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise WorkerStopped(
            f"another analytics process writes {file}, and SQLite takes one: stop it, or for more "
            "of them point DATABASE_URL at PostgreSQL"
        ) from None
    return lock
