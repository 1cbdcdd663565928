"""Settings of the operator."""

from __future__ import annotations

import socket

from pydantic import Field, ValidationInfo, field_validator

from orderflow_process.settings import HealthSettings, LogSettings

_TOO_OLD_AFTER = 30.0  # seconds; below three short intervals one slow answer would count as a stall


class OperatorSettings(LogSettings, HealthSettings):
    """Settings of one operator process."""

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
