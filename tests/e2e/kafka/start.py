"""The program of the Kafka image: formats an empty folder, then becomes the broker, which gets the signals.

Two listeners. SCRAM over TLS is for everybody, and what an ACL does not allow is refused. The plain one
listens on the loopback address only; who comes that way, from within the pod, may do everything.
"""

import base64
import os
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from orderflow_local.kafka.config import (
    CLEAN_END,
    FENCED,
    QUIET,
    BrokerSpec,
    render,
    server_properties,
    settling_properties,
)

KEY_STORE = "broker.pem"
RSA_ENCRYPTION = bytes.fromhex("020100300d06092a864886f70d0101010500")  # version and algorithm of PKCS #8

WATCHFUL = "maybeFenceStaleBroker"  # in what the controller logs when it begins to look for brokers gone
FENCED_WITHIN = 3.0  # seconds from then; a broker that was told to stop before has been fenced already
STARTED_WITHIN = 60.0  # seconds; a node that is short of processors starts a JVM slowly
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
CONSOLE = {
    "appender.console.type": "Console",
    "appender.console.name": "console",
    "appender.console.layout.type": "PatternLayout",
    "appender.console.layout.pattern": "%d{ISO8601} %-5p %m (%c{1})%n",
    "rootLogger.level": "INFO",
    "rootLogger.appenderRef.console.ref": "console",
}


@dataclass(frozen=True)
class Node:
    """What this one node is given by its environment."""

    java: str
    libs: Path
    data: Path
    settings: Path
    installation: str
    advertised_host: str
    tls: Path
    heap: str
    port: int = 9093
    inner: BrokerSpec = field(init=False)

    def __post_init__(self) -> None:
        spec = BrokerSpec(self.data, self.settings, port=self.port - 1, controller_port=self.port - 3)
        object.__setattr__(self, "inner", spec)

    @classmethod
    def from_environment(cls, env: Mapping[str, str]) -> "Node":
        """Read the environment; the data of another installation on the same disk is left alone."""
        installation = env["INSTALLATION"]
        return cls(
            java=env["JAVA"],
            libs=Path(env["KAFKA_LIBS"]),
            data=Path(env["DATA_DIR"]) / installation,
            settings=Path(env.get("TMPDIR", "/tmp")),
            installation=installation,
            advertised_host=env["ADVERTISED_HOST"],
            tls=Path(env["TLS_FILE"]),
            heap=env.get("HEAP", "384m"),
            port=int(env.get("PORT", "9093")),
        )

    def properties(self) -> dict[str, str]:
        """Return the broker's settings: those of `make up`, and the listener for others than this pod."""
        inner = server_properties(self.inner)
        protocols = inner["listener.security.protocol.map"]
        return {
            **inner,
            "listeners": f"{inner['listeners']},SCRAM://0.0.0.0:{self.port}",
            "advertised.listeners": (
                f"{inner['advertised.listeners']},SCRAM://{self.advertised_host}:{self.port}"
            ),
            "listener.security.protocol.map": f"{protocols},SCRAM:SASL_SSL",
            "sasl.enabled.mechanisms": "SCRAM-SHA-512",
            "listener.name.scram.scram-sha-512.sasl.jaas.config": LOGIN,
            "listener.name.scram.ssl.keystore.type": "PEM",
            "listener.name.scram.ssl.keystore.location": str(self.settings / KEY_STORE),
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users": "User:ANONYMOUS",
        }

    def java_command(
        self, heap: str, main_class: str, properties: Mapping[str, str], *more: str
    ) -> list[str]:
        """Write the settings and return the command that runs a class of Kafka with them."""
        file, log4j = self.settings / "server.properties", self.settings / "log4j2.properties"
        file.write_text(render(properties))
        log4j.write_text(render(CONSOLE))
        jars = ":".join(str(jar) for jar in sorted(self.libs.glob("*.jar")))
        options = (*QUIET, "-XX:+UseSerialGC", f"-Xms{heap}", f"-Xmx{heap}")
        given = (f"-Dlog4j2.configurationFile={log4j}", "-cp", jars, main_class, *more, str(file))
        return [self.java, *options, *given]


def main() -> None:
    """Make the folder ready for a broker and become one; never returns."""
    node = Node.from_environment(os.environ)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    (node.settings / KEY_STORE).write_text(with_pkcs8_key(node.tls.read_text()))
    if not (node.data / "meta.properties").exists():
        format_data(node)
    elif not (node.data / CLEAN_END).exists():
        settle(node)
    command = node.java_command(node.heap, "kafka.Kafka", node.properties())
    os.execv(command[0], command)


def with_pkcs8_key(pem: str) -> str:
    """Return key and certificates with the key as Kafka reads it: Helm makes RSA keys as PKCS #1."""
    begin, end = "-----BEGIN RSA PRIVATE KEY-----", "-----END RSA PRIVATE KEY-----"
    head, _, rest = pem.partition(begin)
    key, _, tail = rest.partition(end)
    wrapped = _der(0x30, RSA_ENCRYPTION + _der(0x04, base64.b64decode(key)))
    text = base64.encodebytes(wrapped).decode()
    return f"{head}{begin}\n{text}{end}{tail}".replace(" RSA PRIVATE", " PRIVATE")


def _der(tag: int, content: bytes) -> bytes:
    # Of the lengths that keys have: from 256 to 65535 bytes.
    return bytes([tag, 0x82]) + len(content).to_bytes(2) + content


def format_data(node: Node) -> None:
    """Make the folder that of a new cluster."""
    node.data.mkdir(parents=True, exist_ok=True)
    identity = uuid.uuid5(uuid.NAMESPACE_URL, node.installation).bytes
    # An id may begin with a dash, which the tool would take for another option.
    cluster = "C" + base64.urlsafe_b64encode(identity).decode().rstrip("=")[1:]
    wanted = ("format", "--cluster-id", cluster, "--config")
    command = node.java_command("128m", "kafka.tools.StorageTool", node.properties(), *wanted)
    subprocess.run(command, check=True)


def settle(node: Node) -> None:
    """Run the controller alone until it has declared the broker gone that was killed here.

    Otherwise a transaction that ends while the old registration lapses stays open for ever.
    """
    command = node.java_command("128m", "kafka.Kafka", settling_properties(node.inner))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as controller:
        assert controller.stdout is not None
        limits = [_end_after(STARTED_WITHIN, controller)]
        for line in controller.stdout:
            print(line, end="", flush=True)
            if WATCHFUL in line:
                limits.append(_end_after(FENCED_WITHIN, controller))
            if FENCED in line:
                controller.terminate()
        for limit in limits:
            limit.cancel()


def _end_after(seconds: float, process: "subprocess.Popen[str]") -> threading.Timer:
    timer = threading.Timer(seconds, process.terminate)
    timer.start()
    return timer


if __name__ == "__main__":
    main()
