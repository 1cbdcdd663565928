"""What analytics makes of records: in whatever order and batches they come, the tables equal a recount."""

import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, select
from support.builders import NOON, a_notification, a_payment, an_order
from support.recount import Seen, Told, recount, told_by

from orderflow.analytics.store import TableStore
from orderflow.events import Event, OrderStatus, encode
from orderflow.streaming.batches import Partition, Record
from orderflow.streaming.errors import WorkerStopped
from orderflow.streaming.store import Move, Overtaken
from orderflow.tables import schema
from orderflow.tables.database import open_reader, open_writer

PREFIX = "p."
AT_MS = 1_700_000_000_000
PARTITIONS = 2

Said = tuple[str, bytes, bytes | None]  # topic, key, value


class Tables:
    """The tables of a test and the log they are filled from."""

    def __init__(self, folder: Path) -> None:
        self.url = f"sqlite:///{folder}/tables.db"
        self.store = self.another()
        self.store.open()
        self.reader: Engine = open_reader(self.url)
        self.writer: Engine = open_writer(self.url)
        self.clear()

    def another(self) -> TableStore:
        return TableStore(self.url, prefix=PREFIX, group="analytics", unit_price=Decimal("2.50"))

    def clear(self) -> None:
        with self.writer.begin() as connection:
            for table in schema.metadata.sorted_tables:
                connection.execute(delete(table))
        self.log: list[Record] = []
        self.next: dict[Partition, int] = {}

    def read(self, said: Sequence[Said]) -> list[Record]:
        """Return records as they stand in the log, and remember them; offsets have gaps, as real ones do."""
        for topic, key, value in said:
            partition = PREFIX + topic, sum(key) % PARTITIONS
            offset = 2 * sum(record.partition == partition for record in self.log)
            at = AT_MS + 20_000 * len(self.log)
            self.log.append(Record(partition, offset, at, key, value, None))
        return self.log[len(self.log) - len(said) :]

    def write(self, batch: Sequence[Record]) -> None:
        """Write a batch from where the tables stand."""
        positions = {record.partition: record.offset + 1 for record in batch}
        self.store.write(batch, {at: Move(self.next.get(at), to, to) for at, to in positions.items()})
        self.next |= positions

    def told(self) -> Told:
        with self.reader.connect() as connection:
            return told_by(connection)

    def recounted(self) -> Told:
        seen: list[Seen] = [
            (record.partition[0].removeprefix(PREFIX), record.key, record.value, record.timestamp)
            for record in self.log
        ]
        return recount(seen)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    made = Tables(tmp_path_factory.mktemp("tables"))
    yield made
    made.reader.dispose()
    made.writer.dispose()
    made.store.close()


@pytest.fixture
def tables(shared: Tables) -> Tables:
    shared.clear()
    return shared


def said(event: Event) -> Said:
    return event.topic, event.key.encode(), encode(event)


def status(order_id: str = "o1", name: str = "PAID") -> OrderStatus:
    return OrderStatus(order_id, name, NOON)  # type: ignore[arg-type]


ids, users = st.sampled_from(["o1", "o2", "o3"]), st.sampled_from(["u1", "u2"])
amounts = st.sampled_from(["10.50", "0.01", "9999999999.99"])
anything = st.one_of(
    st.builds(lambda order, user, amount: said(an_order(order, user, amount)), ids, users, amounts),
    st.builds(
        lambda order, user, amount, result: said(
            a_payment(order_id=order, user_id=user, amount=Decimal(amount), status=result)
        ),
        ids,
        users,
        amounts,
        st.sampled_from(["SUCCESS", "FAILED"]),
    ),
    st.builds(lambda order, user, text: said(a_notification(user, order, text)), ids, users, st.text("ab")),
    st.builds(
        lambda order, name: said(status(order, name)),
        ids,
        st.sampled_from(["PENDING", "PAID", "DECLINED", "REJECTED", "FAILED"]),
    ),
    st.builds(lambda order: ("order-status", order.encode(), None), ids),
    st.sampled_from(
        [(topic, b"k", b"?") for topic in ("orders", "payments", "notifications", "order-status")]
    ),
)


@given(st.lists(anything, max_size=25), st.randoms(use_true_random=False))
def test_any_order_of_arrival_and_any_batches_lead_to_the_same_tables(
    shared: Tables, everything: list[Said], chance: random.Random
) -> None:
    shared.clear()
    waiting: dict[Partition, list[Record]] = {}
    for record in shared.read(everything):
        waiting.setdefault(record.partition, []).append(record)
    while waiting:
        batch = []
        for _ in range(chance.randint(1, 8)):
            if waiting:
                partition = chance.choice(sorted(waiting))
                batch.append(waiting[partition].pop(0))
                if not waiting[partition]:
                    del waiting[partition]
        before = dict(shared.next)
        shared.write(batch)
        # A process that did not hear that this was done tries it again.
        positions = {record.partition: record.offset + 1 for record in batch}
        with pytest.raises(Overtaken):
            shared.store.write(batch, {at: Move(before.get(at), to, to) for at, to in positions.items()})
    assert shared.told() == shared.recounted()


def test_a_status_that_changes_takes_its_old_contribution_back(tables: Tables) -> None:
    pending, paid = tables.read([said(status(name="PENDING")), said(status(name="PAID"))])
    tables.write([pending])
    assert tables.told().status_counts == {"PENDING": 1}
    tables.write([paid])
    assert tables.told().status_counts == {"PAID": 1}
    assert tables.told().histories == {"o1": ["PENDING", "PAID"]}


def test_a_payment_that_is_written_again_replaces_the_first(tables: Tables) -> None:
    first, again = tables.read([said(a_payment(status="FAILED")), said(a_payment(amount=Decimal("3.01")))])
    tables.write([first])
    tables.write([again])
    assert tables.told().totals == {"SUCCESS": (1, 301)}


def test_offsets_that_are_not_where_they_were_leave_everything_as_it_was(tables: Tables) -> None:
    paid, bystander = tables.read([said(a_payment()), said(an_order())])
    tables.write([paid])
    stale = {bystander.partition: Move(None, 1, 1), paid.partition: Move(7, 8, 8)}
    with pytest.raises(Overtaken, match="1 of 2 partitions"):
        tables.store.write([bystander], stale)
    assert tables.told().orders == {}
    assert tables.store.positions() == {paid.partition: 1}


def test_positions_move_without_records_past_what_is_none(tables: Tables) -> None:
    (paid,) = tables.read([said(a_payment())])
    tables.write([paid])
    tables.store.write((), {paid.partition: Move(1, 5, 5)})
    assert tables.store.positions() == {paid.partition: 5}


def test_foreign_records_are_kept_as_far_as_they_say_something(tables: Tables) -> None:
    values = [
        b'{"order_id":"short","user_id":"u","item":"a\\u0000b","quantity":3}',
        b'{"order_id":"naive","user_id":"u","amount":"1.5","items":1,"timestamp":"1970-01-01T00:00:01"}',
    ]
    strange = a_payment(attempts=2**40)
    tables.write(tables.read([*(("orders", b"u", value) for value in values), said(strange)]))
    with tables.reader.connect() as connection:
        rows = connection.execute(select(schema.orders).order_by("order_id")).all()
    assert [(row.order_id, row.amount_cents, row.item) for row in rows] == [
        ("naive", 150, None),
        ("short", 750, "a\ufffdb"),
    ]
    assert [row.placed_ms for row in rows] == [1000, AT_MS]
    assert tables.told().unreadable == 1


def test_a_second_process_on_the_same_file_is_refused(tables: Tables) -> None:
    with pytest.raises(WorkerStopped, match="SQLite takes one"):
        tables.another().open()
