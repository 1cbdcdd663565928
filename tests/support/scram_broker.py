"""An embedded broker that asks who one is: a second listener with SCRAM-SHA-512, and rights by ACLs.

The plain listener stays the broker's own and the test's: its anonymous user may do everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka.admin import (
    AclOperation,
    AdminClient,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from support.rights import grant, revoke

from orderflow_local.kafka import Broker
from orderflow_local.kafka.config import BrokerSpec
from orderflow_local.net import free_port

_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@dataclass
class ScramBroker(Broker):
    """A broker with users."""

    scram_port: int = field(default_factory=free_port)

    @property
    def scram_servers(self) -> str:
        """What a client with a login sets as `bootstrap.servers`."""
        return f"{self.host}:{self.scram_port}"

    def set_password(self, user: str, password: str) -> None:
        """Make a user, or change the password of one."""
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        self._alter(UserScramCredentialUpsertion(user, info, password.encode()), user)

    def remove_user(self, user: str) -> None:
        """Take a user's login away."""
        self._alter(UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512), user)

    def allow(self, user: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Give a user one right."""
        grant(self, f"User:{user}", kind, name, operation)

    def forbid(self, user: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Take a user's right, as it was given, away."""
        revoke(self, f"User:{user}", kind, name, operation)

    def _alter(self, change: UserScramCredentialUpsertion | UserScramCredentialDeletion, user: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.bootstrap_servers})
        admin.alter_user_scram_credentials([change])[user].result(20)

    def _write_configuration(self, settings: Callable[[BrokerSpec], dict[str, str]]) -> Path:
        return super()._write_configuration(lambda spec: self._with_users(settings(spec)))

    def _with_users(self, properties: Mapping[str, str]) -> dict[str, str]:
        protocols = properties["listener.security.protocol.map"]
        at = f"SCRAM://{self.host}:{self.scram_port}"
        return {
            **properties,
            "listeners": f"{properties['listeners']},{at}",
            "advertised.listeners": f"{properties['advertised.listeners']},{at}",
            "listener.security.protocol.map": f"{protocols},SCRAM:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": _LOGIN,
            # Below a second or so the broker takes the next login of a client for one too many.
            "connections.max.reauth.ms": "3000",
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }


def with_users(broker: Broker) -> ScramBroker:
    """Return a broker with users in place of one, not yet started, that was only made."""
    return ScramBroker(
        broker.distribution, broker.data_dir, broker.log_dir, jvm_options=broker.jvm_options, heap=broker.heap
    )
