"""The operator's settings: one name everywhere, and a wrong value stops the start with a sentence."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from orderflow_operator.cli.main import app
from orderflow_operator.settings import OperatorSettings, SettingsError, load


def test_a_flag_wins_over_the_environment_and_that_over_files(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "operator.env").write_text("POLL_INTERVAL_SECONDS=7\nLOG_LEVEL=WARNING\n")
    (tmp_path / "operator.toml").write_text(
        'poll_interval_seconds = 8\nlog_level = "ERROR"\nlease_seconds = 20\n'
    )
    monkeypatch.setenv("ENV_FILE", str(tmp_path / "operator.env"))
    monkeypatch.setenv("CONFIG_FILE", str(tmp_path / "operator.toml"))
    assert load().poll_interval_seconds == 7
    monkeypatch.setenv("POLL_INTERVAL_SECONDS", "6")
    assert load().poll_interval_seconds == 6
    settings = load({"poll_interval_seconds": "5"})
    assert (settings.poll_interval_seconds, settings.log_level, settings.lease_seconds) == (5, "WARNING", 20)


def test_a_wrong_value_is_named_with_what_is_allowed() -> None:
    with pytest.raises(SettingsError) as error:
        load({"poll_interval_seconds": "0"})
    assert str(error.value) == "POLL_INTERVAL_SECONDS='0': Input should be greater than or equal to 0.2"


def test_namespaces_are_a_list_and_none_means_all() -> None:
    assert load({"watch_namespaces": "shop, kafka,"}).namespaces == ("shop", "kafka")
    assert load({"watch_namespaces": ""}).namespaces == ()


def test_the_holder_gives_up_before_others_take_over() -> None:
    settings = OperatorSettings()
    assert settings.lease_retry_seconds < settings.lease_renew_seconds < settings.lease_seconds
    assert settings.lease_seconds + settings.lease_retry_seconds + 2 * settings.poll_interval_seconds < 30


@pytest.mark.parametrize("flags", [{"lease_renew_seconds": "15"}, {"lease_seconds": "5"}])
def test_a_lease_that_two_could_hold_is_refused(flags: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"LEASE_RENEW_SECONDS=.*must be below LEASE_SECONDS"):
        load(flags)


def test_every_setting_has_a_flag_with_its_description(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    shown = CliRunner().invoke(app, ["run", "--help"]).output
    for name in OperatorSettings.model_fields:
        assert f"--{name.replace('_', '-')}" in shown
