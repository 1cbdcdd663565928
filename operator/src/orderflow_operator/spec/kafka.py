"""spec.kafka: which Kafka cluster a resource speaks of, and how we log in to it. Pure."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta

from orderflow_operator.spec.fields import SpecError, SpecPart

Name = Annotated[str, Meta(min_length=1, max_length=253)]


class AuthType(StrEnum):
    """How a client proves who it is; the Secrets are those that a Strimzi KafkaUser leaves."""

    NONE = "None"
    SCRAM_SHA_512 = "ScramSha512"
    TLS = "Tls"


class ClusterRef(SpecPart, frozen=True, kw_only=True):
    """A Strimzi Kafka resource; without a namespace the one of the resource that refers to it."""

    name: Name
    namespace: Name | None = None
    listener: Name | None = None


class Auth(SpecPart, frozen=True, kw_only=True):
    """The login; `secret_name` is a Secret in the namespace of the resource."""

    type: AuthType = AuthType.NONE
    secret_name: Name | None = None


class KafkaSpec(SpecPart, frozen=True, kw_only=True):
    """Exactly one of `cluster_ref` and `bootstrap_servers` is set.

    `ca_secret_name` is a Secret with `ca.crt`: who to trust; without it a `cluster_ref` means the
    cluster's own certificate authority, `bootstrap_servers` the system's.
    """

    cluster_ref: ClusterRef | None = None
    bootstrap_servers: Annotated[str, Meta(min_length=1, max_length=4096)] | None = None
    auth: Auth = Auth()
    ca_secret_name: Name | None = None


def check_kafka(kafka: KafkaSpec, at: str = "spec.kafka") -> None:
    """Raise SpecError where fields contradict each other."""
    if kafka.cluster_ref is not None and kafka.bootstrap_servers is not None:
        raise SpecError(f"{at}.bootstrapServers", "set either this or clusterRef, not both")
    if kafka.cluster_ref is None and kafka.bootstrap_servers is None:
        raise SpecError(at, "one of clusterRef and bootstrapServers is required")
    if kafka.auth.type is not AuthType.NONE and kafka.auth.secret_name is None:
        raise SpecError(f"{at}.auth.secretName", f"is required with type {kafka.auth.type}")
    if kafka.auth.type is AuthType.NONE and kafka.auth.secret_name is not None:
        raise SpecError(f"{at}.auth.type", "must be ScramSha512 or Tls where a secretName is given")
