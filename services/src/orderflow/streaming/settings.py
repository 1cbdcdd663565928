"""Settings every process that talks to Kafka has, and those every worker has on top."""

from __future__ import annotations

import socket
from typing import Any, ClassVar, Literal, cast

import structlog
from pydantic import Field
from pydantic_settings import EnvSettingsSource

from orderflow.observability.settings import TraceSettings
from orderflow_process.settings import HealthSettings, LogSettings, Settings

log = structlog.get_logger(__name__)


class KafkaSettings(Settings):
    """Where Kafka is and how to get in."""

    kafka_bootstrap_servers: str = Field(
        "localhost:19092", min_length=1, description="Brokers to start from: host:port, comma separated."
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How to talk to the brokers."
    )
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] = Field(
        "SCRAM-SHA-512", description="How to log in, with a SASL protocol."
    )
    kafka_sasl_username: str | None = Field(None, description="User name, with a SASL protocol.")
    kafka_sasl_password: str | None = Field(None, repr=False, description="Password, with a SASL protocol.")
    kafka_sasl_password_file: str | None = Field(
        None,
        description="File with the password, as a mounted Secret has it; wins over KAFKA_SASL_PASSWORD. A "
        "service takes a changed password over without a restart, and so it does with the files below.",
    )
    kafka_ssl_ca_location: str | None = Field(
        None, description="File with the CA that signed the brokers' certificates (PEM)."
    )
    kafka_ssl_certificate_location: str | None = Field(
        None, description="File with this client's certificate (PEM), for mTLS."
    )
    kafka_ssl_key_location: str | None = Field(
        None, description="File with this client's private key (PEM), for mTLS."
    )
    kafka_group_protocol: Literal["consumer", "classic"] = Field(
        "consumer", description="`consumer` (KIP-848, Kafka 4.0 and later) or `classic` for older brokers."
    )
    topic_prefix: str = Field(
        "",
        pattern=r"^[A-Za-z0-9._-]{0,100}$",
        description="Put before every topic's name, to share a cluster.",
    )
    partitions: int = Field(
        12,
        ge=1,
        le=10_000,
        description="Partitions of orders, payments, notifications and order-status when they are created.",
    )
    replication_factor: int = Field(1, ge=1, le=16, description="Replicas of each topic when it is created.")
    instance_name: str = Field(
        default_factory=socket.gethostname,
        pattern=r"^[A-Za-z0-9._-]{1,200}$",
        description="Name of this process (on Kubernetes: of its pod); `client.id` and part of "
        "`transactional.id`. Stable over restarts and unique at any time. Default: the host's name.",
    )


class ProcessSettings(LogSettings, TraceSettings, KafkaSettings):
    """What every long-running process has: logs, traces and a watchdog."""

    watchdog_seconds: float = Field(
        60.0,
        ge=1,
        le=3600,
        description="Without progress for this long a process ends itself, its stacks in the log.",
    )


class _EnvironmentWithoutSharedGroup(EnvSettingsSource):
    """The environment, without a KAFKA_GROUP_ID that was exported for several services at once."""

    def __call__(self) -> dict[str, Any]:
        found = super().__call__()
        own = cast("type[ConsumerSettings]", self.settings_cls).default_group
        group = found.get("kafka_group_id") or own
        if not group.startswith(own):
            log.warning(
                "KAFKA_GROUP_ID of the shell is ignored: it would merge services into one group",
                kafka_group_id=found.pop("kafka_group_id"),
                used_instead=own,
                to_set_it="--kafka-group-id, or config/<service>.env",
            )
        return found


class ConsumerSettings(HealthSettings, ProcessSettings):
    """What every process that reads as a member of a group has: the group, and a health endpoint."""

    default_group: ClassVar[str]
    environment_source = _EnvironmentWithoutSharedGroup

    kafka_group_id: str = Field(
        "",
        max_length=255,
        description="Consumer group; default: the service's own. One exported in the shell counts only if "
        "it starts with the service's own name, so that it cannot merge the services into one group.",
    )
    kafka_auto_offset_reset: Literal["earliest", "latest"] = Field(
        "earliest", description="Where a group without a committed offset starts."
    )

    @property
    def group(self) -> str:
        """The consumer group this process joins."""
        return self.kafka_group_id or self.default_group


class WorkerSettings(ConsumerSettings):
    """What every worker has on top: how its loop behaves."""

    worker_max_batch: int = Field(
        5000,
        ge=1,
        le=100_000,
        description="Most records in one transaction; below that the batch follows the backlog.",
    )
    worker_batch_seconds: float = Field(
        0.5, gt=0, le=30, description="How long records are handled before what is done is committed."
    )
    worker_max_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a record before it is a dead letter."
    )
    worker_retry_seconds: float = Field(
        0.5,
        gt=0,
        le=60,
        description="Longest wait for the second attempt at a record; it doubles with each further one.",
    )
    worker_max_poison_share: float = Field(
        0.5,
        gt=0,
        le=1,
        description="Share of dead letters among the last 200 records past which a worker stops for a while, "
        "then tries a few more; 1: it never stops.",
    )
    transaction_timeout_seconds: float = Field(
        10.0,
        ge=1,
        le=60,
        description="After this long the broker aborts the transaction of a process that is gone.",
    )
