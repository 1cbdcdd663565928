"""A login follows its files: what is taken over, what is left for the next look, who is told."""

from pathlib import Path

import pytest
from support.mounted_secret import MountedSecret
from support.tls_broker import Authority

from orderflow.streaming import login as login_module
from orderflow.streaming.clients import connection_config
from orderflow.streaming.login import Login, Mailbox
from orderflow.streaming.settings import KafkaSettings
from orderflow_process.settings import SettingsError


class Listener:
    """Hears what a Kafka client would be told."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str) -> None:
        self.heard.append((username, password))


@pytest.fixture
def secret(tmp_path: Path) -> MountedSecret:
    return MountedSecret(tmp_path / "user")


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority("clients")


def scram(secret: MountedSecret) -> KafkaSettings:
    return KafkaSettings(
        kafka_security_protocol="SASL_SSL",
        kafka_sasl_username="payments",
        kafka_sasl_password="not this one",
        kafka_sasl_password_file=str(secret.file("password")),
    )


def mtls(secret: MountedSecret) -> KafkaSettings:
    return KafkaSettings(
        kafka_security_protocol="SSL",
        kafka_ssl_ca_location=str(secret.file("ca.crt")),
        kafka_ssl_certificate_location=str(secret.file("user.crt")),
        kafka_ssl_key_location=str(secret.file("user.key")),
    )


def test_a_new_password_is_told_to_every_client_that_is_followed_and_given_to_new_ones(
    secret: MountedSecret,
) -> None:
    secret.write(password="first\n")
    login, early, gone = Login(scram(secret)), Listener(), Listener()
    assert login.config()["sasl.password"] == "first"
    login.follow(early)
    login.follow(gone)
    login.forget(gone)
    early.heard.clear()
    gone.heard.clear()

    login.look()
    assert early.heard == []
    secret.write(password="second")
    login.look()
    login.look()

    assert early.heard == [("payments", "second")]
    assert gone.heard == []
    assert login.config()["sasl.password"] == "second"
    # One whose configuration was made before the change and that is followed after it.
    late = Listener()
    login.follow(late)
    assert late.heard == [("payments", "second")]
    assert login.version == 0, "a password is no reason to make clients anew"


def test_a_consumer_hears_of_the_last_password_when_it_has_a_moment(secret: MountedSecret) -> None:
    secret.write(password="first")
    login, mailbox, consumer = Login(scram(secret)), Mailbox(), Listener()
    login.follow(mailbox)
    for password in ("second", "third"):
        secret.write(password=password)
        login.look()
    assert consumer.heard == []
    mailbox.deliver(consumer)
    mailbox.deliver(consumer)
    assert consumer.heard == [("payments", "third")]


@pytest.mark.parametrize("content", ["", "\n"], ids=["empty", "an empty line"])
def test_a_password_that_is_gone_for_a_moment_is_still_the_old_one(
    secret: MountedSecret, content: str
) -> None:
    secret.write(password="first")
    login, client = Login(scram(secret)), Listener()
    login.follow(client)
    client.heard.clear()
    secret.write(password=content)
    login.look()
    secret.file("password").unlink()
    login.look()
    assert (client.heard, login.config()["sasl.password"]) == ([], "first")
    secret.file("password").write_text("second")
    login.look()
    assert client.heard == [("payments", "second")]


def test_certificates_count_once_they_have_changed_as_a_whole(
    secret: MountedSecret, authority: Authority
) -> None:
    first, second, ca = authority.issue("a"), authority.issue("b"), authority.certificate
    secret.write(ca_crt=ca, user_crt=first.certificate, user_key=first.key)
    login, seen = Login(mtls(secret)), list[int]()
    for certificate, key, trusted in [
        (first.certificate, first.key, ca),
        (second.certificate, first.key, ca),
        (second.certificate, second.key, "no certificate"),
        (second.certificate, second.key, ca),
        (second.certificate, second.key, Authority("other").certificate),
    ]:
        secret.write(ca_crt=trusted, user_crt=certificate, user_key=key)
        login.look()
        seen.append(login.version)
    assert seen == [0, 0, 0, 1, 2]
    secret.file("user.key").unlink()
    login.look()
    assert login.version == 2


def test_certificates_that_change_while_they_are_looked_at_count_once(
    secret: MountedSecret, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, first, second = authority.certificate, authority.issue("first"), authority.issue("second")
    secret.write(ca_crt=ca, user_crt=first.certificate, user_key=first.key)
    login = Login(mtls(secret))
    secret.write(ca_crt=ca, user_crt=second.certificate, user_key=first.key)

    def completed_meanwhile(files: dict[str, Path]) -> None:
        secret.write(ca_crt=ca, user_crt=second.certificate, user_key=second.key)
        check(files)

    check = login_module._check
    monkeypatch.setattr(login_module, "_check", completed_meanwhile)
    login.look()
    monkeypatch.undo()
    assert login.version == 0, "half of them was read, and the whole checked"

    login.look()
    login.look()
    assert login.version == 1


def test_a_key_with_a_passphrase_asks_nobody_for_it(secret: MountedSecret, authority: Authority) -> None:
    pair = authority.issue("a")
    secret.write(ca_crt=authority.certificate, user_crt=pair.certificate, user_key=pair.key)
    login = Login(mtls(secret))
    locked = authority.issue("a", passphrase="hush")
    secret.write(ca_crt=authority.certificate, user_crt=locked.certificate, user_key=locked.key)
    login.look()
    assert login.version == 0


def test_files_that_are_not_there_to_begin_with_are_named(secret: MountedSecret) -> None:
    with pytest.raises(SettingsError, match=r"KAFKA_SASL_PASSWORD_FILE=.*password: No such file"):
        connection_config(scram(secret))
    with pytest.raises(SettingsError, match=r"KAFKA_SSL_CA_LOCATION=.*ca.crt: No such file"):
        Login(mtls(secret))
    secret.write(password="\n")
    with pytest.raises(SettingsError, match="holds no password"):
        Login(scram(secret))


def test_the_password_of_the_environment_needs_no_file() -> None:
    settings = KafkaSettings(
        kafka_security_protocol="SASL_PLAINTEXT", kafka_sasl_username="a", kafka_sasl_password="b"
    )
    login, client = Login(settings), Listener()
    login.follow(client)
    login.look()
    assert login.config()["sasl.password"] == connection_config(settings)["sasl.password"] == "b"
    assert set(client.heard) == {("a", "b")}


def test_without_a_login_nobody_is_told_anything() -> None:
    login, client = Login(KafkaSettings()), Listener()
    login.follow(client)
    login.look()
    assert login.config() == {"security.protocol": "PLAINTEXT"}
    assert client.heard == []
