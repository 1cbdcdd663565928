"""The first tables."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables of orders, of what became of them, and of their sums."""
    op.create_table(
        "offsets",
        Column("topic", String, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("next", BigInteger, nullable=False),
        Column("log_end", BigInteger, nullable=False),
        Column("unreadable", BigInteger, nullable=False),
        Column("updated_ms", BigInteger, nullable=False),
    )
    op.create_table(
        "orders",
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
    op.create_table(
        "order_status",
        Column("order_id", String, primary_key=True),
        Column("status", String, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("reason", String),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "order_history",
        Column("order_id", String, primary_key=True),
        Column("partition", Integer, primary_key=True),
        Column("offset", BigInteger, primary_key=True),
        Column("status", String, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("reason", String),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "payments",
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
    op.create_table(
        "notifications",
        Column("order_id", String, primary_key=True),
        Column("user_id", String, primary_key=True),
        Column("status", String, nullable=False),
        Column("text", String, nullable=False),
        Column("type", String, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("partition", Integer, nullable=False),
        Column("offset", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "status_counts",
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("status", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
    )
    op.create_table(
        "payment_totals",
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("status", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("sum_cents", BigInteger, nullable=False),
    )
    op.create_table(
        "payment_minutes",
        Column("minute", BigInteger, primary_key=True, autoincrement=False),
        Column("partition", Integer, primary_key=True, autoincrement=False),
        Column("status", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("sum_cents", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )

    op.create_index("notifications_newest", "notifications", ["at_ms", "partition", "offset"])
    op.create_index("notifications_of_user", "notifications", ["user_id", "at_ms", "partition", "offset"])


def downgrade() -> None:
    """Drop them; they can be read from the log again as far as that reaches back."""
    for name in (
        "payment_minutes",
        "payment_totals",
        "status_counts",
        "notifications",
        "payments",
        "order_history",
        "order_status",
        "orders",
        "offsets",
    ):
        op.drop_table(name)
