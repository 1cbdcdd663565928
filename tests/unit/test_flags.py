"""Every setting is a flag of its service, with its description, its default and the same checks."""

import re
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from orderflow.notifications.settings import NotificationSettings
from orderflow.payments.settings import PaymentSettings
from orderflow_operator.settings import OperatorSettings
from orderflow_process.flags import command_with_settings
from orderflow_process.settings import Settings, SettingsError

WIDE = {"COLUMNS": "300", "TERM": "dumb", "NO_COLOR": "1"}


def run(kind: type[Settings], *flags: str) -> tuple[Any, list[Settings]]:
    """Call a command made of `kind` and return its result with the settings it was run with."""
    seen: list[Settings] = []
    app = typer.Typer()
    app.command()(command_with_settings(kind, seen.append, "Run it."))
    return CliRunner().invoke(app, list(flags), env=WIDE), seen


@pytest.mark.parametrize("kind", [PaymentSettings, NotificationSettings, OperatorSettings])
def test_help_lists_a_flag_for_every_setting(kind: type[Settings]) -> None:
    shown = re.sub(r"\s+", " ", run(kind, "--help")[0].output)
    for name in kind.model_fields:
        assert f"--{name.replace('_', '-')} " in shown
    assert "Run it." in shown
    assert "Address of the health and metrics endpoint." in shown
    assert "[default: 9100]" in shown


def test_help_shows_no_default_where_there_is_none() -> None:
    shown = run(NotificationSettings, "--help")[0].output
    assert "None]" not in shown
    assert "Undefined" not in shown


def test_a_flag_sets_its_setting_and_nothing_else() -> None:
    result, (settings,) = run(PaymentSettings, "--worker-max-batch", "7", "--unit-price=2.50")
    assert result.exit_code == 0
    assert isinstance(settings, PaymentSettings)
    assert (settings.worker_max_batch, str(settings.unit_price)) == (7, "2.50")
    assert settings.model_fields_set >= {"worker_max_batch", "unit_price"}
    assert settings.worker_max_attempts == 3


def test_a_boolean_setting_is_a_flag_with_a_value() -> None:
    _, (settings,) = run(NotificationSettings, "--smtp-starttls", "true")
    assert isinstance(settings, NotificationSettings)
    assert settings.smtp_starttls is True


def test_a_wrong_value_of_a_flag_is_explained_and_nothing_runs() -> None:
    result, seen = run(PaymentSettings, "--worker-max-batch", "none")
    assert isinstance(result.exception, SettingsError)
    assert str(result.exception).startswith("WORKER_MAX_BATCH='none': ")
    assert seen == []


def test_an_unknown_flag_is_refused() -> None:
    result, seen = run(PaymentSettings, "--worker-max-bach", "7")
    assert result.exit_code == 2
    assert "--worker-max-bach" in result.output
    assert seen == []
