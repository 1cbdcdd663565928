"""How to reach a Kafka cluster: the Kafka resource's listener, the Secrets of the login, the CA.

What was read is kept for a while; a Secret that changed gives another version, and with it a new client.
"""

from __future__ import annotations

import time
from base64 import b64decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from orderflow_operator.kube import ApiError, Document, Forbidden, KubeApi, NotFound, path
from orderflow_operator.spec.kafka import AuthType, ClusterRef, KafkaSpec

_LISTENER_AUTH = {AuthType.SCRAM_SHA_512: "scram-sha-512", AuthType.TLS: "tls"}


class NoAccess(Exception):
    """The way into a Kafka cluster is not known; the text says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Access:
    """A way into one Kafka cluster under one identity; those with the same key share a client.

    `version` changes with the Secrets; `config` is that of a Kafka client.
    """

    bootstrap_servers: str
    protocol: str
    identity: str
    trust: str
    version: str = field(compare=False)
    config: Mapping[str, Any] = field(compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.bootstrap_servers} as {self.identity or 'nobody'}"


@dataclass(frozen=True, slots=True)
class _Endpoint:
    """Where the brokers are, whether they speak TLS, and the CA that a Kafka resource names."""

    servers: str
    encrypted: bool
    ca: str = ""
    ca_source: str = ""
    ca_version: str = ""


@dataclass(slots=True)
class AccessBook:
    """Resolves `spec.kafka` of any resource; used from one thread at a time."""

    api: KubeApi
    refresh_seconds: float = 15.0
    client_id: str = "orderflow-operator"
    clock: Callable[[], float] = time.monotonic
    _read: dict[str, tuple[float, Document | ApiError]] = field(default_factory=dict)

    def of(self, namespace: str, kafka: KafkaSpec) -> Access:
        """Return the way in for a resource of this namespace; raise NoAccess."""
        at = self._endpoint(namespace, kafka)
        if kafka.ca_secret_name:
            secret = self._secret(namespace, kafka.ca_secret_name, "caSecretName", "ca.crt")
            at = _Endpoint(
                at.servers, True, secret["ca.crt"], f"{namespace}/{kafka.ca_secret_name}", secret[""]
            )
        config: dict[str, Any] = {"bootstrap.servers": at.servers, "client.id": self.client_id}
        if at.ca:
            config["ssl.ca.pem"] = at.ca
        login, version = self._login(namespace, kafka)
        encrypted = at.encrypted or kafka.auth.type is AuthType.TLS
        protocol = ("SASL_" if "sasl.mechanism" in login else "") + ("SSL" if encrypted else "PLAINTEXT")
        identity = f"{namespace}/{kafka.auth.secret_name}" if kafka.auth.secret_name else ""
        return Access(
            at.servers,
            protocol,
            identity,
            at.ca_source,
            f"{version} {at.ca_version}",
            config | login | {"security.protocol": protocol},
        )

    def forget(self) -> None:
        """Read everything anew: something that was read may be out of date."""
        self._read.clear()

    def _login(self, namespace: str, kafka: KafkaSpec) -> tuple[dict[str, str], str]:
        name = kafka.auth.secret_name
        if kafka.auth.type is AuthType.NONE or name is None:
            return {}, ""
        if kafka.auth.type is AuthType.SCRAM_SHA_512:
            secret = self._secret(namespace, name, "auth.secretName", "password")
            return {
                "sasl.mechanism": "SCRAM-SHA-512",
                # Strimzi's Secret has no user name: it is the name of the KafkaUser, and so of the Secret.
                "sasl.username": name,
                "sasl.password": secret["password"],
            }, secret[""]
        secret = self._secret(namespace, name, "auth.secretName", "user.crt", "user.key")
        return {"ssl.certificate.pem": secret["user.crt"], "ssl.key.pem": secret["user.key"]}, secret[""]

    def _endpoint(self, namespace: str, kafka: KafkaSpec) -> _Endpoint:
        reference = kafka.cluster_ref
        if reference is None:
            return _Endpoint(kafka.bootstrap_servers or "", encrypted=False)
        where = reference.namespace or namespace
        try:
            version = self._get("/apis/kafka.strimzi.io")["preferredVersion"]["version"]
            cluster = self._get(path(f"kafka.strimzi.io/{version}", "kafkas", where, reference.name))
        except NotFound as error:
            raise NoAccess(
                f"Kafka {where}/{reference.name} not found; fix spec.kafka.clusterRef or create it"
            ) from error
        except ApiError as error:
            raise NoAccess(f"Kafka {where}/{reference.name} cannot be read: {error}") from error
        return self._listener(where, reference, cluster, kafka.auth.type)

    def _listener(
        self, namespace: str, reference: ClusterRef, cluster: Document, auth: AuthType
    ) -> _Endpoint:
        declared = {one["name"]: one for one in cluster["spec"]["kafka"].get("listeners") or ()}
        known = {one["name"]: one for one in (cluster.get("status") or {}).get("listeners") or ()}
        wanted = reference.listener or _fitting(declared, auth)
        cited = f"Kafka {namespace}/{reference.name}"
        if wanted not in declared:
            names = ", ".join(declared) or "none"
            raise NoAccess(f"{cited} has no listener {wanted!r} (it has: {names}); fix clusterRef.listener")
        if not (known.get(wanted) or {}).get("bootstrapServers"):
            raise NoAccess(f"{cited} does not say yet where its listener {wanted} is; wait until it is Ready")
        servers = known[wanted]["bootstrapServers"]
        if not declared[wanted].get("tls"):
            return _Endpoint(servers, encrypted=False)
        name = f"{reference.name}-cluster-ca-cert"
        try:
            secret = self._secret(namespace, name, "clusterRef", "ca.crt")
            return _Endpoint(servers, True, secret["ca.crt"], f"{namespace}/{name}", secret[""])
        except NoAccess:
            # Strimzi also shows the certificate in the status, for those who may not read that Secret.
            shown = known[wanted].get("certificates") or ()
            if not shown:
                raise
            return _Endpoint(servers, True, "\n".join(shown), f"{namespace}/{reference.name}")

    def _secret(self, namespace: str, name: str, cited: str, *keys: str) -> dict[str, str]:
        """Return some keys of a Secret, and under the empty key its version; raise NoAccess."""
        try:
            secret = self._get(path("v1", "secrets", namespace, name))
        except NotFound as error:
            raise NoAccess(
                f"Secret {namespace}/{name} not found; create it or fix spec.kafka.{cited}"
            ) from error
        except Forbidden as error:
            raise NoAccess(
                f"Secret {namespace}/{name} may not be read; name it in the chart's value secrets.{namespace}"
            ) from error
        except ApiError as error:
            raise NoAccess(f"Secret {namespace}/{name} cannot be read: {error}") from error
        data = secret.get("data") or {}
        missing = [key for key in keys if not data.get(key)]
        if missing:
            raise NoAccess(
                f"Secret {namespace}/{name} lacks {', '.join(missing)}; fix it or spec.kafka.{cited}"
            )
        # A newline at the end, as `echo` leaves it, is part of no password.
        texts = {key: b64decode(data[key]).decode().rstrip("\n") for key in keys}
        return texts | {"": str(secret["metadata"].get("resourceVersion"))}

    def _get(self, at: str) -> Document:
        now = self.clock()
        if at not in self._read or now - self._read[at][0] >= self.refresh_seconds:
            try:
                self._read[at] = (now, self.api.get(at))
            except ApiError as error:
                self._read[at] = (now, error)
        found = self._read[at][1]
        if isinstance(found, ApiError):
            raise found
        return found


def _fitting(declared: Mapping[str, Document], auth: AuthType) -> str:
    """Return the first listener that asks for this kind of login."""
    wanted = _LISTENER_AUTH.get(auth)
    fitting = (
        name for name, one in declared.items() if (one.get("authentication") or {}).get("type") == wanted
    )
    return next(fitting, f"for auth.type {auth}")
