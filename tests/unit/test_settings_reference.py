"""docs/settings.md is what the settings classes say, and `orderflow settings` says where values come from."""

from pathlib import Path

import pytest
from pydantic_settings import BaseSettings
from typer.testing import CliRunner

from docs.settings_page import page
from orderflow.cli.main import app
from orderflow.cli.settings import SERVICES, origins_of
from orderflow.cli.settings_reference import allowed, table
from orderflow_local.settings import LocalSettings
from orderflow_operator.settings import OperatorSettings

PAGE = Path(__file__).resolve().parents[2] / "docs" / "settings.md"


def test_the_page_is_what_the_command_prints() -> None:
    assert PAGE.read_text() == page(), "run: python docs/settings_page.py > docs/settings.md"


@pytest.mark.parametrize("kind", [*SERVICES.values(), OperatorSettings, LocalSettings])
def test_every_setting_has_a_row_with_a_meaning(kind: type[BaseSettings]) -> None:
    rows = [line for line in table(kind).splitlines() if line.startswith("| `")]
    assert len(rows) == len(kind.model_fields)
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        pytest.param({"type": "integer", "minimum": 1, "maximum": 9}, "whole number, at least 1, at most 9"),
        pytest.param({"type": "number", "exclusiveMinimum": 0.0}, "number, more than 0"),
        pytest.param({"enum": ["a", "b"], "type": "string"}, "`a`, `b`"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, "text"),
        pytest.param({"anyOf": [{"type": "number"}, {"type": "string", "pattern": "x"}]}, "number"),
        pytest.param({"type": "string", "pattern": "^x$"}, "`^x$`"),
        pytest.param({"type": "boolean"}, "`true`, `false`"),
    ],
)
def test_what_is_allowed_reads_as_words(schema: dict[str, object], words: str) -> None:
    assert allowed(schema) == words


def test_the_origin_of_a_value_is_the_first_place_that_has_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file, toml = tmp_path / "here.env", tmp_path / "all.toml"
    env_file.write_text("PARTITIONS=3\nLOG_LEVEL=DEBUG\n")
    toml.write_text('log_level = "ERROR"\npayment_concurrency = 4\n')
    monkeypatch.setenv("ENV_FILE", str(env_file))
    monkeypatch.setenv("CONFIG_FILE", str(toml))
    monkeypatch.setenv("PARTITIONS", "6")
    origins = origins_of(SERVICES["payments"])
    assert origins["partitions"] == "environment"
    assert origins["log_level"] == str(env_file)
    assert origins["payment_concurrency"] == str(toml)
    assert "worker_max_batch" not in origins


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAFKA_SASL_PASSWORD", "hunter2")
    shown = CliRunner().invoke(app, ["settings", "payments"])
    assert shown.exit_code == 0
    assert "hunter2" not in shown.output
    assert "(set)" in shown.output
