"""Who this process is to Kafka, by what the files of its login say now: no rotation costs a restart.

On Kubernetes they are those of a mounted Secret, which is replaced under the running process. Live clients
hear of a new password, and use it from their next connection on. Certificates a client reads once: whoever
holds one makes another when `version` has moved, at a moment when nothing of its own is open.
"""

from __future__ import annotations

import ssl
import threading
from collections import deque
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import structlog

from orderflow.streaming.settings import KafkaSettings
from orderflow_process.settings import SettingsError

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 1.0


class Client(Protocol):
    """What every Kafka client can be told."""

    def set_sasl_credentials(self, username: str, password: str, /) -> None: ...


class Mailbox:
    """Keeps a new password for a consumer until the thread that polls it has a moment.

    Any other thread would wait until nobody polls, which is never (confluent-kafka-python#2322).
    """

    def __init__(self) -> None:
        self._last: deque[tuple[str, str]] = deque(maxlen=1)

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        self._last.append((username, password))

    def deliver(self, consumer: Client) -> None:
        """Hand the password over, if there is one; on the consumer's own thread."""
        while self._last:
            consumer.set_sasl_credentials(*self._last.pop())


class Login:
    """The login of one process. Raise SettingsError if it cannot be read to begin with.

    `version` counts the certificates (CA, own, key) that were there; any thread may ask.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self.version = 0
        self._settings = settings
        self._password = _password(settings)
        self._certificates = _certificates(settings)
        self._trouble = ""
        self._clients: list[Client] = []
        self._told = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="login", daemon=True)

    def start(self) -> None:
        """Look at the files from now on, in a thread of its own; without files there is nothing to do."""
        if self._certificates or self._settings.kafka_sasl_password_file:
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def config(self) -> dict[str, Any]:
        """Return what a client that is made now logs in with."""
        return _config(self._settings, self._password)

    def follow(self, client: Client) -> None:
        """Tell a client of every new password from now on, until `forget()`; a consumer by a Mailbox."""
        with self._told:
            self._clients.append(client)
            # The password may have changed since the client's configuration was made.
            self._tell(client)

    def forget(self, client: Client) -> None:
        """Tell a client nothing more; it may be closed after this."""
        with self._told:
            self._clients = [each for each in self._clients if each is not client]

    def look(self) -> None:
        """Look at the files once; what cannot be used is left for the next look."""
        try:
            password, certificates = _password(self._settings), _certificates(self._settings)
            if certificates != self._certificates:
                _check(_files(self._settings))
                if certificates != _certificates(self._settings):
                    return  # Replaced in between: what was checked is not what was read.
        except (SettingsError, OSError) as error:
            self._complain(str(error))
            return
        self._trouble = ""
        if password != self._password:
            self._change_password(password)
        if certificates != self._certificates:
            self._certificates = certificates
            self.version += 1
            log.info("the certificates have changed; clients are made anew", version=self.version)

    def _change_password(self, password: str | None) -> None:
        with self._told:
            self._password = password
            for client in self._clients:
                self._tell(client)
        log.info("the password has changed; clients were told", clients=len(self._clients))

    def _tell(self, client: Client) -> None:
        if self._settings.kafka_sasl_username and self._password:
            client.set_sasl_credentials(self._settings.kafka_sasl_username, self._password)

    def _complain(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("the login's files are no good; what was read last stays in use", reason=trouble)
        self._trouble = trouble

    def _run(self) -> None:
        while not self._stop.wait(_LOOK_SECONDS):
            self.look()


def login_config(settings: KafkaSettings) -> dict[str, Any]:
    """Return what a client logs in with, read now; raise SettingsError."""
    return _config(settings, _password(settings))


def _config(settings: KafkaSettings, password: str | None) -> dict[str, Any]:
    config: dict[str, Any] = {"security.protocol": settings.kafka_security_protocol}
    if settings.kafka_security_protocol.startswith("SASL"):
        config["sasl.mechanism"] = settings.kafka_sasl_mechanism
        config["sasl.username"] = settings.kafka_sasl_username
        config["sasl.password"] = password
    for name, file in _files(settings).items():
        config[f"ssl.{name}.location"] = str(file)
    return config


def _password(settings: KafkaSettings) -> str | None:
    if not settings.kafka_sasl_password_file:
        return settings.kafka_sasl_password
    content = _content("kafka_sasl_password_file", Path(settings.kafka_sasl_password_file))
    # A newline at the end, as `echo` leaves it, is part of no password.
    password = content.decode(errors="replace").rstrip("\r\n")
    if not password:
        raise SettingsError(
            f"KAFKA_SASL_PASSWORD_FILE={settings.kafka_sasl_password_file}: holds no password"
        )
    return password


def _certificates(settings: KafkaSettings) -> tuple[bytes, ...]:
    """Return what the files hold, as no more than is needed to see a change."""
    found = (_content(f"kafka_ssl_{name}_location", file) for name, file in _files(settings).items())
    return tuple(sha256(content).digest() for content in found)


def _files(settings: KafkaSettings) -> dict[str, Path]:
    """Return the files with certificates by what the client calls them."""
    named = {name: getattr(settings, f"kafka_ssl_{name}_location") for name in ("ca", "certificate", "key")}
    return {name: Path(file) for name, file in named.items() if file}


def _content(setting: str, file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise SettingsError(f"{setting.upper()}={file}: {error.strerror}") from None


def _check(files: dict[str, Path]) -> None:
    """Raise OSError for what is no certificate, or where the key belongs to another: half of a change."""
    context = ssl.create_default_context(cafile=files.get("ca"))
    if "certificate" in files and "key" in files:
        # Without a passphrase at hand the library would ask for one on the terminal.
        context.load_cert_chain(files["certificate"], files["key"], password="")
