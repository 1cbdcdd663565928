"""Settings: one name everywhere, the nearest source wins, and a wrong value is explained in a sentence."""

import os
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from orderflow.analytics.settings import AnalyticsSettings
from orderflow.notifications.settings import NotificationSettings
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.settings import WorkerSettings
from orderflow_local.settings import LocalSettings
from orderflow_operator.settings import OperatorSettings
from orderflow_process.settings import Settings, SettingsError, load

SHARED_GROUP = "KAFKA_GROUP_ID of the shell is ignored: it would merge services into one group"


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave neither variables of the shell nor a config/ in the current folder."""
    names = NotificationSettings.model_fields.keys() | PaymentSettings.model_fields.keys()
    for name in {"ENV_FILE", "CONFIG_FILE", *(name.upper() for name in names)} & os.environ.keys():
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def warnings() -> Iterator[list[Any]]:
    """What the settings log while a test runs."""
    with capture_logs() as lines:
        yield lines


def test_sources_are_overruled_by_nearer_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def attempts(flag: str | None = None) -> int:
        return load(PaymentSettings, {"worker_max_attempts": flag}).worker_max_attempts

    assert attempts() == 3, "the default"
    (tmp_path / "all.toml").write_text("worker_max_attempts = 4\n")
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "all.toml"))
    assert attempts() == 4, "the TOML file over the default"
    (tmp_path / "some.env").write_text("WORKER_MAX_ATTEMPTS=5\n")
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "some.env"))
    assert attempts() == 5, "the env file over the TOML file"
    monkeypatch.setenv("WORKER_MAX_ATTEMPTS", "6")
    assert attempts() == 6, "the environment over the env file"
    assert attempts("7") == 7, "a flag over the environment"


def test_a_service_finds_its_own_env_file_in_config(tmp_path: Path) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/payments.env").write_text("UNIT_PRICE=2.50\nKAFKA_BOOTSTRAP_SERVERS=broker:9092\n")
    assert load(PaymentSettings).unit_price == Decimal("2.50")
    assert load(PaymentSettings).kafka_bootstrap_servers == "broker:9092"
    assert load(NotificationSettings).kafka_bootstrap_servers == "localhost:19092"


def test_an_env_file_that_is_named_replaces_the_one_in_config(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/payments.env").write_text("UNIT_PRICE=2.50\nWORKER_MAX_ATTEMPTS=9\n")
    (tmp_path / "other.env").write_text("UNIT_PRICE=3.50\n")
    monkeypatch.setenv("ENV_FILE", "other.env")
    settings = load(PaymentSettings)
    assert (settings.unit_price, settings.worker_max_attempts) == (Decimal("3.50"), 3)


@pytest.mark.parametrize(
    ("kind", "name", "value", "allowed"),
    [
        pytest.param(
            WorkerSettings, "KAFKA_GROUP_PROTOCOL", "eager", "'consumer' or 'classic'", id="not one of two"
        ),
        pytest.param(WorkerSettings, "HEALTH_PORT", "70000", "less than or equal to 65535", id="no port"),
        pytest.param(WorkerSettings, "WORKER_MAX_BATCH", "many", "valid integer", id="no number"),
        pytest.param(WorkerSettings, "WORKER_MAX_BATCH", "0", "greater than or equal to 1", id="too few"),
        pytest.param(WorkerSettings, "KAFKA_BOOTSTRAP_SERVERS", "", "at least 1 character", id="nothing"),
        pytest.param(WorkerSettings, "TOPIC_PREFIX", "a/b", "pattern", id="no topic name"),
        pytest.param(
            OperatorSettings, "POLL_INTERVAL_SECONDS", "0", "greater than or equal to 0.2", id="no pause"
        ),
        pytest.param(PaymentSettings, "UNIT_PRICE", "1.005", "2 decimal places", id="half a cent"),
        pytest.param(PaymentSettings, "UNIT_PRICE", "NaN", "finite number", id="no price at all"),
        pytest.param(PaymentSettings, "PAYMENT_SUCCESS_RATE", "80", "less than or equal to 1", id="percent"),
        pytest.param(NotificationSettings, "NOTIFICATION_LANGUAGE", "de", "'en' or 'ru'", id="no language"),
        pytest.param(NotificationSettings, "SMTP_STARTTLS", "maybe", "valid boolean", id="not yes or no"),
        pytest.param(
            NotificationSettings,
            "SMTP_TO_TEMPLATE",
            "all@x.example",
            "contain {user_id}",
            id="nobody's address",
        ),
        pytest.param(
            NotificationSettings, "SMTP_TO_TEMPLATE", "{user_id}.{x}@y", "no other", id="a second placeholder"
        ),
        pytest.param(
            NotificationSettings, "SMTP_TO_TEMPLATE", "{user_id}}@y", "a } of its own", id="a stray bracket"
        ),
    ],
)
def test_a_wrong_value_is_named_with_its_variable_and_what_is_allowed(
    kind: type[Settings], name: str, value: str, allowed: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = PaymentSettings if kind is WorkerSettings else kind
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as wrong:
        load(kind)
    (line,) = str(wrong.value).splitlines()
    assert line.startswith(f"{name}={value!r}: ")
    assert allowed in line
    with pytest.raises(SettingsError, match=f"^{name}="):
        load(kind, {name.lower(): value})


def test_every_wrong_value_has_its_own_line() -> None:
    with pytest.raises(SettingsError) as wrong:
        load(PaymentSettings, {"unit_price": "0", "log_level": "LOUD"})
    assert sorted(line.split("=")[0] for line in str(wrong.value).splitlines()) == ["LOG_LEVEL", "UNIT_PRICE"]


@pytest.mark.parametrize("name", ["ENV_FILE", "CONFIG_FILE"])
def test_a_settings_file_that_is_not_there_is_missed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "nowhere.conf")
    with pytest.raises(SettingsError, match=f"^{name}=nowhere.conf: there is no such file$"):
        load(PaymentSettings)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        pytest.param("CONFIG_FILE", b"a = = b", "CONFIG_FILE=.*: is not TOML", id="no TOML"),
        pytest.param("CONFIG_FILE", b"a = '\xff'", "cannot be read", id="TOML that is no text"),
        pytest.param("ENV_FILE", b"UNIT_PRICE=\xff\xfe", "cannot be read", id="an env file that is no text"),
    ],
)
def test_a_settings_file_that_cannot_be_read_is_one_sentence(
    name: str, content: bytes, reason: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "broken").write_bytes(content)
    monkeypatch.setenv(name, "broken")
    with pytest.raises(SettingsError, match=reason) as wrong:
        load(PaymentSettings)
    assert "\n" not in str(wrong.value)


@pytest.mark.parametrize(
    ("shell", "used", "warned"),
    [
        pytest.param(None, "payment-service", False, id="unset"),
        pytest.param("", "payment-service", False, id="empty"),
        pytest.param("orderflow", "payment-service", True, id="shared by several services"),
        pytest.param("notification-service", "payment-service", True, id="of another service"),
        pytest.param("payment-service", "payment-service", False, id="the service's own"),
        pytest.param("payment-service-blue", "payment-service-blue", False, id="begins as the service's own"),
    ],
)
def test_a_group_of_the_shell_counts_only_for_its_own_service(
    shell: str | None, used: str, warned: bool, monkeypatch: pytest.MonkeyPatch, warnings: list[Any]
) -> None:
    if shell is not None:
        monkeypatch.setenv("KAFKA_GROUP_ID", shell)
    assert load(PaymentSettings).group == used
    told = [line for line in warnings if line["event"] == SHARED_GROUP]
    assert [line["kafka_group_id"] for line in told] == ([shell] if warned else [])
    assert all((line["log_level"], line["used_instead"]) == ("warning", used) for line in told)


def test_a_group_from_a_flag_or_the_services_own_file_is_taken_as_it_is(
    tmp_path: Path, warnings: list[Any]
) -> None:
    assert load(PaymentSettings, {"kafka_group_id": "anything"}).group == "anything"
    (tmp_path / "config").mkdir()
    (tmp_path / "config/payments.env").write_text("KAFKA_GROUP_ID=from-the-file\n")
    assert load(PaymentSettings).group == "from-the-file"
    assert warnings == []


def test_a_shared_group_of_the_shell_does_not_hide_the_one_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, warnings: list[Any]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config/payments.env").write_text("KAFKA_GROUP_ID=from-the-file\n")
    monkeypatch.setenv("KAFKA_GROUP_ID", "shared")
    assert load(PaymentSettings).group == "from-the-file"
    assert [line["event"] for line in warnings] == [SHARED_GROUP]


def test_settings_are_frozen_and_keep_passwords_to_themselves() -> None:
    settings = load(NotificationSettings, {"smtp_password": "hunter2", "kafka_sasl_password": "hunter3"})
    assert "hunter" not in repr(settings)
    with pytest.raises(ValueError, match="frozen"):
        settings.smtp_password = "other"  # type: ignore[misc]


@pytest.mark.parametrize("kind", [PaymentSettings, NotificationSettings, OperatorSettings, LocalSettings])
def test_every_setting_says_what_it_is_for(kind: type[Settings]) -> None:
    assert [name for name, field in kind.model_fields.items() if not field.description] == []


def test_a_wrong_value_with_a_password_in_it_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "mysql://o:hunter2@db/orders")
    with pytest.raises(SettingsError) as wrong:
        load(AnalyticsSettings)
    assert str(wrong.value).startswith("DATABASE_URL: must be sqlite:///FILE or postgresql://")
    assert "hunter" not in str(wrong.value)
