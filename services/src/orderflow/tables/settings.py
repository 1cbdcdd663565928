"""Where the tables are: a setting of the process that writes them and of those that read them."""

from __future__ import annotations

from pydantic import Field, field_validator

from orderflow_process.settings import Settings

DEFAULT_URL = "sqlite:///.orderflow/tables.db"


class DatabaseSettings(Settings):
    """The database."""

    database_url: str = Field(
        DEFAULT_URL,
        repr=False,
        description="Database of the tables: sqlite:///FILE (one analytics process), or "
        "postgresql://USER:PASSWORD@HOST/NAME.",
    )

    @field_validator("database_url")
    @classmethod
    def _is_known(cls, url: str) -> str:
        # Here and not above: SQLAlchemy is a third of a second, and only who has tables needs it.
        from orderflow.tables.database import parse_url

        parse_url(url)
        return url
