"""The tables: one set of rows for each topic, so that every row has one writer, and their sums.

Facts about one order come from four topics in any order. Each topic has a table of its own, so nothing waits
for anything else; a query joins them. An order is identified by order and user, as everywhere; a user's
records share a partition, so one process writes the row. `order_status` has no user, as its topic has none.

Sums are kept in shards, one for each partition of the topic they sum up: whoever owns the partition is the
only writer of the shard. A query adds the shards up. A single shard may be negative, after a topic got more
partitions; the sum over all is right.

Times are milliseconds since the epoch, amounts are cents. `partition` and `offset` say which record a row
comes from, so each can be checked against the log.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table

metadata = MetaData()

# How far the tables are: `next` is the first offset that is not in them, `log_end` the end of the log as it
# was then, `unreadable` how many records below `next` could not be understood. `topic` has its prefix.
# A partition that was never read has no row.
offsets = Table(
    "offsets",
    metadata,
    Column("topic", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("next", BigInteger, nullable=False),
    Column("log_end", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    Column("updated_ms", BigInteger, nullable=False),
)

# What was ordered: the first record of an order counts, later ones repeat it. `placed_ms` is the order's
# own timestamp, `at_ms` the record's.
orders = Table(
    "orders",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("amount_cents", BigInteger, nullable=False),
    Column("items", Integer, nullable=False),
    Column("item", String),
    Column("placed_ms", BigInteger, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Where an order stands: its newest record of order-status.
order_status = Table(
    "order_status",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("reason", String),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# Every record of order-status, for the way an order took; in the order of (partition, offset).
order_history = Table(
    "order_history",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("offset", BigInteger, primary_key=True),
    Column("status", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("reason", String),
    sqlite_with_rowid=False,
)

# What was charged or declined: SUCCESS or FAILED.
payments = Table(
    "payments",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("amount_cents", BigInteger, nullable=False),
    Column("status", String, nullable=False),
    Column("payment_id", String, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("reason", String),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

# What users were told. Newest first is (at_ms, partition, offset) downwards; no two rows share all three.
notifications = Table(
    "notifications",
    metadata,
    Column("order_id", String, primary_key=True),
    Column("user_id", String, primary_key=True),
    Column("status", String, nullable=False),
    Column("text", String, nullable=False),
    Column("type", String, nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Index("notifications_newest", "at_ms", "partition", "offset"),
    Index("notifications_of_user", "user_id", "at_ms", "partition", "offset"),
    sqlite_with_rowid=False,
)

# How many orders stand where; shards by the partitions of order-status.
status_counts = Table(
    "status_counts",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("status", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)

# Payments in all, and by the minute of the record's timestamp (minutes since the epoch); shards by the
# partitions of payments.
payment_totals = Table(
    "payment_totals",
    metadata,
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("status", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("sum_cents", BigInteger, nullable=False),
)
payment_minutes = Table(
    "payment_minutes",
    metadata,
    Column("minute", BigInteger, primary_key=True, autoincrement=False),
    Column("partition", Integer, primary_key=True, autoincrement=False),
    Column("status", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
    Column("sum_cents", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
