"""Settings of the operator, by the rule of the services: one name everywhere, wrong values end the start.

POLL_INTERVAL_SECONDS in the environment or an env file is `poll_interval_seconds` in TOML and
`--poll-interval-seconds` on the command line; the flag wins, then the environment, ENV_FILE, CONFIG_FILE.
"""

from __future__ import annotations

import os
import socket
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

_TOO_OLD_AFTER = 30.0  # seconds; below three short intervals one slow answer would count as a stall


class SettingsError(Exception):
    """A setting is wrong: its text names the variable, the value and what is allowed."""


class OperatorSettings(BaseSettings):
    """Settings of one operator process, read once at its start and frozen from then on."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", case_sensitive=False)

    kubeconfig: str | None = Field(
        None, description="File that says where the API server is; in a pod its service account does."
    )
    kube_context: str | None = Field(None, description="Context of the kubeconfig; default: its current one.")
    operator_namespace: str = Field(
        "orderflow-system", min_length=1, description="Where the Lease of the operator is."
    )
    watch_namespaces: str = Field(
        "", description="Namespaces to watch, comma separated; empty: all of the cluster."
    )
    instance_name: str = Field(
        default_factory=socket.gethostname,
        min_length=1,
        description="Name of this process in the Lease and, as client.id, in Kafka; default: the host's.",
    )
    poll_interval_seconds: float = Field(
        5.0, ge=0.2, le=300, description="How often lag is read and a decision made."
    )
    kafka_timeout_seconds: float = Field(
        10.0, ge=0.5, le=60, description="How long one round of questions to the brokers may take."
    )
    secret_refresh_seconds: float = Field(
        15.0, ge=1, le=3600, description="How often Secrets and Kafka resources are read again."
    )
    count_markers: bool = Field(
        True,
        description="Read short tails that do not move, to tell records from transaction markers; needs Read "
        "on the topics, and without it markers count as lag.",
    )
    lease_seconds: float = Field(
        15.0, ge=3, le=300, description="After this long without renewal another replica takes over."
    )
    lease_renew_seconds: float = Field(
        10.0,
        ge=1,
        le=300,
        validate_default=True,
        description="After this long without renewal the holder writes nothing more.",
    )
    lease_retry_seconds: float = Field(
        2.0, ge=0.5, le=60, description="How often the Lease is renewed, or looked at."
    )
    health_host: str = Field("127.0.0.1", description="Address of the health and metrics endpoint.")
    health_port: int = Field(
        9100, ge=0, le=65535, description="Port of the health and metrics endpoint; 0 takes a free one."
    )
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Least severe line that is logged."
    )
    log_format: Literal["json", "console"] = Field(
        "json", description="`json` for machines, `console` for eyes."
    )

    @field_validator("lease_renew_seconds")
    @classmethod
    def _ends_before_others_begin(cls, value: float, info: ValidationInfo) -> float:
        lasts = info.data.get("lease_seconds", value + 1)
        if value >= lasts:
            raise ValueError(f"must be below LEASE_SECONDS, {lasts:g}: two replicas would write")
        return value

    @property
    def namespaces(self) -> tuple[str, ...]:
        """The namespaces to watch; none means all."""
        return tuple(name.strip() for name in self.watch_namespaces.split(",") if name.strip())

    @property
    def stalled_after(self) -> float:
        """Without progress for this many seconds a loop is not alive."""
        return max(3 * self.poll_interval_seconds, _TOO_OLD_AFTER)

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
            env_settings,
            DotEnvSettingsSource(settings_cls, env_file=os.environ.get("ENV_FILE")),
            TomlConfigSettingsSource(settings_cls, toml_file=Path(toml_file) if toml_file else None),
        )


def load(flags: Mapping[str, Any] | None = None) -> OperatorSettings:
    """Return the settings; raise SettingsError with one line per wrong value."""
    for name in ("ENV_FILE", "CONFIG_FILE"):
        named = os.environ.get(name)
        if named and not Path(named).is_file():
            raise SettingsError(f"{name}={named}: there is no such file")
    try:
        return OperatorSettings(**{name: value for name, value in (flags or {}).items() if value is not None})
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"CONFIG_FILE={os.environ['CONFIG_FILE']}: is not TOML: {error}") from None
    except ValidationError as error:
        raise SettingsError("\n".join(_explain(detail) for detail in error.errors())) from None


def _explain(detail: ErrorDetails) -> str:
    name = str(detail["loc"][0]).upper() if detail["loc"] else "settings"
    return f"{name}={detail['input']!r}: {detail['msg'].removeprefix('Value error, ')}"
