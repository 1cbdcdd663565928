"""The files in config/: every name is a setting, every value its default, on or off."""

import re
from pathlib import Path

import pytest

from orderflow.cli.settings import SERVICES
from orderflow_process.settings import Settings, load

CONFIG = Path(__file__).resolve().parents[2] / "config"
_line = re.compile(r"^(?:# )?([A-Z][A-Z0-9_]*)=(.*)$", re.MULTILINE)


def unknown_names(text: str, kind: type[Settings]) -> list[str]:
    """Return the names in an env file that `kind` would never read."""
    return [name for name, _value in _line.findall(text) if name.lower() not in kind.model_fields]


@pytest.fixture(autouse=True)
def _no_settings_around(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Leave only the file under test: no variables of the shell, no config/ in the current folder."""
    for kind in SERVICES.values():
        for name in kind.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.delenv("CONFIG_FILE", raising=False)
    monkeypatch.delenv("ENV_FILE", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("service", SERVICES)
def test_every_name_in_the_file_is_a_setting_of_its_service(service: str) -> None:
    text = (CONFIG / f"{service}.env").read_text()
    assert "KAFKA_BOOTSTRAP_SERVERS" in text
    assert unknown_names(text, SERVICES[service]) == []


def test_a_misspelt_name_is_found_also_where_it_is_off() -> None:
    text = "KAFKA_BOOTSTRAP_SERVER=b:1\n# SMTP_HOTS=mail\n# A comment with = in it.\n"
    assert unknown_names(text, SERVICES["notifications"]) == ["KAFKA_BOOTSTRAP_SERVER", "SMTP_HOTS"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_file_changes_nothing_until_somebody_edits_it(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    defaults = load(SERVICES[service])
    text = (CONFIG / f"{service}.env").read_text()
    everything_on = tmp_path / "everything.env"
    everything_on.write_text("".join(f"{name}={value}\n" for name, value in _line.findall(text)))
    monkeypatch.setenv("ENV_FILE", str(everything_on))
    loaded = load(SERVICES[service])
    written = {name.lower() for name, _value in _line.findall(text)} - {"kafka_group_id"}
    assert {name: getattr(loaded, name) for name in written} == {
        name: getattr(defaults, name) for name in written
    }


@pytest.mark.parametrize("service", ["payments", "notifications", "analytics"])
def test_the_group_in_the_file_is_the_services_own(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load(SERVICES[service]).model_dump()["kafka_group_id"] == ""
    monkeypatch.setenv("ENV_FILE", str(CONFIG / f"{service}.env"))
    group = SERVICES[service].default_group  # type: ignore[attr-defined]
    assert load(SERVICES[service]).model_dump()["kafka_group_id"] == group


@pytest.mark.parametrize("service", SERVICES)
def test_the_service_finds_its_file_in_the_current_folder(
    service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / f"{service}.env").write_text("KAFKA_BOOTSTRAP_SERVERS=elsewhere:9092\n")
    monkeypatch.chdir(tmp_path)
    assert load(SERVICES[service]).kafka_bootstrap_servers == "elsewhere:9092"
