"""The way of the tables from version to version; run by `orderflow.tables.migrate`."""
