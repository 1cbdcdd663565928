"""How settings are read: one name everywhere, and a wrong value stops the start with a sentence.

KAFKA_BOOTSTRAP_SERVERS in the environment or an env file is `kafka_bootstrap_servers` in TOML and
`--kafka-bootstrap-servers` on the command line. A flag wins over the environment, the environment over
the env file (ENV_FILE), the env file over the TOML file (CONFIG_FILE), and that over the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

Port = Annotated[int, Field(ge=0, le=65535)]


class SettingsError(Exception):
    """A setting is wrong: its text names the variable, the value and what is allowed."""


class Settings(BaseSettings):
    """Settings of one process, read once at its start and frozen from then on."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    # Read where it exists and ENV_FILE names no other, so that `config/` works without being pointed at.
    default_env_file: ClassVar[str | None] = None

    # How the environment is read; a kind of settings may leave out what it must not take from there.
    environment_source: ClassVar[type[EnvSettingsSource]] = EnvSettingsSource

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        toml_file = os.environ.get("CONFIG_FILE")
        return (
            init_settings,
            cls.environment_source(settings_cls),
            DotEnvSettingsSource(settings_cls, env_file=os.environ.get("ENV_FILE") or cls.default_env_file),
            TomlConfigSettingsSource(settings_cls, toml_file=Path(toml_file) if toml_file else None),
        )


class LogSettings(Settings):
    """What a process that logs has."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe line that is logged."
    )
    log_format: Literal["auto", "json", "console"] = Field(
        "auto", description="`json` for machines, `console` for eyes; `auto`: `console` on a terminal."
    )


class HealthSettings(Settings):
    """What a process that serves its health has."""

    health_host: str = Field("127.0.0.1", description="Address of the health and metrics endpoint.")
    health_port: Port = Field(
        9100, description="Port of the health and metrics endpoint; 0 takes a free one."
    )


S = TypeVar("S", bound=Settings)


def load(kind: type[S], flags: Mapping[str, Any] | None = None) -> S:
    """Return the settings of `kind`; raise SettingsError with one line per wrong value."""
    for name in ("ENV_FILE", "CONFIG_FILE"):
        path = os.environ.get(name)
        if path and not Path(path).is_file():
            raise SettingsError(f"{name}={path}: there is no such file")
    try:
        return kind(**{name: value for name, value in (flags or {}).items() if value is not None})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"CONFIG_FILE={os.environ['CONFIG_FILE']}: is not TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"a settings file cannot be read: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(kind, detail) for detail in error.errors())) from None


def _explain(kind: type[Settings], detail: ErrorDetails) -> str:
    name = str(detail["loc"][0]) if detail["loc"] else "settings"
    field = kind.model_fields.get(name)
    # What is kept out of sight is so also where it is wrong: a password may be in it.
    value = f"={detail['input']!r}" if field is None or field.repr else ""
    return f"{name.upper()}{value}: {detail['msg'].removeprefix('Value error, ')}"
