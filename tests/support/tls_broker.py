"""An embedded broker that knows its clients by their certificates, and the authorities to make these with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from confluent_kafka.admin import AclOperation, ResourceType
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from support.rights import grant, revoke_all

from orderflow_local.kafka import Broker
from orderflow_local.kafka.config import BrokerSpec
from orderflow_local.net import free_port


@dataclass(frozen=True)
class Pair:
    """A certificate and its key, as PEM."""

    certificate: str
    key: str


@dataclass
class Authority:
    """Signs certificates; what Strimzi's cluster CA and clients CA are."""

    name: str
    _key: rsa.RSAPrivateKey = field(default_factory=lambda: rsa.generate_private_key(65537, 2048))

    def __post_init__(self) -> None:
        constraints = x509.BasicConstraints(ca=True, path_length=None)
        self._certificate = (
            _builder(self.name, self.name, self._key)
            .add_extension(constraints, critical=True)
            .sign(self._key, hashes.SHA256())
        )

    @property
    def certificate(self) -> str:
        """What others trust, as PEM."""
        return _pem(self._certificate)

    def issue(self, name: str, *addresses: str, passphrase: str = "") -> Pair:
        """Return a certificate for a name, good for these addresses; its key is locked by a passphrase."""
        key = rsa.generate_private_key(65537, 2048)
        builder = _builder(name, self.name, key)
        if addresses:
            names = [x509.IPAddress(ip_address(each)) for each in addresses]
            builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(passphrase.encode())
            if passphrase
            else serialization.NoEncryption(),
        )
        return Pair(_pem(builder.sign(self._key, hashes.SHA256())), private.decode())


@dataclass
class TlsBroker(Broker):
    """A broker with a second listener that takes only clients of its authority; rights by ACLs."""

    authority: Authority = field(default_factory=lambda: Authority("broker-and-clients"))
    tls_port: int = field(default_factory=free_port)

    @property
    def tls_servers(self) -> str:
        """What a client with a certificate sets as `bootstrap.servers`."""
        return f"{self.host}:{self.tls_port}"

    def allow(self, user: str, kind: ResourceType, name: str, operation: AclOperation) -> None:
        """Give the holder of a certificate one right."""
        grant(self, f"User:CN={user}", kind, name, operation)

    def forbid_all(self, user: str) -> None:
        """Take every right from the holder of a certificate."""
        revoke_all(self, f"User:CN={user}")

    def _write_configuration(self, settings: Callable[[BrokerSpec], dict[str, str]]) -> Path:
        return super()._write_configuration(lambda spec: self._with_tls(settings(spec)))

    def _with_tls(self, properties: Mapping[str, str]) -> dict[str, str]:
        own = self.authority.issue("broker", self.host)
        self.data_dir.mkdir(parents=True, exist_ok=True)
        key, trust = self.data_dir.parent / "broker.pem", self.data_dir.parent / "trust.pem"
        key.write_text(own.key + own.certificate)
        trust.write_text(self.authority.certificate)
        at = f"MTLS://{self.host}:{self.tls_port}"
        protocols = properties["listener.security.protocol.map"]
        return {
            **properties,
            "listeners": f"{properties['listeners']},{at}",
            "advertised.listeners": f"{properties['advertised.listeners']},{at}",
            "listener.security.protocol.map": f"{protocols},MTLS:SSL",
            "listener.name.mtls.ssl.client.auth": "required",
            "listener.name.mtls.ssl.keystore.type": "PEM",
            "listener.name.mtls.ssl.keystore.location": str(key),
            "listener.name.mtls.ssl.truststore.type": "PEM",
            "listener.name.mtls.ssl.truststore.location": str(trust),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }


def with_tls(broker: Broker) -> TlsBroker:
    """Return a broker with TLS in place of one, not yet started, that was only made."""
    return TlsBroker(
        broker.distribution, broker.data_dir, broker.log_dir, jvm_options=broker.jvm_options, heap=broker.heap
    )


def _builder(subject: str, issuer: str, key: rsa.RSAPrivateKey) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()
