"""What Alembic runs: the migrations, in the transaction of `orderflow.tables.migrate`."""

from alembic import context

from orderflow.tables.schema import metadata

context.configure(
    connection=context.config.attributes["connection"], target_metadata=metadata, transactional_ddl=False
)
context.run_migrations()
