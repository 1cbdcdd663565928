"""`orderflow settings`: what a service would run with and where it comes from; the settings page's
sections of the services."""

from __future__ import annotations

import os
from typing import Annotated

import typer
from pydantic_settings import EnvSettingsSource, InitSettingsSource, SecretsSettingsSource
from pydantic_settings.sources import DotEnvSettingsSource

from orderflow.analytics.settings import AnalyticsSettings
from orderflow.cli.settings_reference import section
from orderflow.notifications.settings import NotificationSettings
from orderflow.orders.settings import OrdersSettings
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.settings import ProcessSettings
from orderflow_process.output import print_table
from orderflow_process.settings import Settings, load

SERVICES: dict[str, type[ProcessSettings]] = {
    "orders": OrdersSettings,
    "payments": PaymentSettings,
    "notifications": NotificationSettings,
    "analytics": AnalyticsSettings,
}

_PREFACE = """\
# Settings

This page is written by `orderflow-local settings`, from the classes that read the settings, and a test
compares the two.

Every setting has one name. `KAFKA_BOOTSTRAP_SERVERS` in the environment or in an env file is
`kafka_bootstrap_servers` in a TOML file and `--kafka-bootstrap-servers` on the command line.
The first of these that has a value wins:

1. the flag;
2. the environment;
3. the env file: `ENV_FILE` if it is set, else `config/<service>.env` below the current folder if it exists;
4. the TOML file that `CONFIG_FILE` names, with the settings at its top level;
5. the default.

A wrong value stops the start with a line that names the variable, the value and what is allowed.
`orderflow settings payments` shows what that service would run with here, and where each value comes from.

A `KAFKA_GROUP_ID` in the environment counts only if it starts with the service's own group name. Otherwise
it is ignored with a warning: exported once in a shell, it would put two services into one consumer group, and
each would get only a part of the other's records. A flag, an env file or a TOML file may name any group.
"""

_INTROS = {
    "orders": "Read by `orderflow run orders`. Env file: `config/orders.env`.",
    "payments": "Read by `orderflow run payments`. Env file: `config/payments.env`.",
    "notifications": "Read by `orderflow run notifications`. Env file: `config/notifications.env`.",
    "analytics": "Read by `orderflow run analytics`. Env file: `config/analytics.env`.",
}
_TITLES = {
    "orders": "Order Service",
    "payments": "Payment Service",
    "notifications": "Notification Service",
    "analytics": "Analytics",
}


def show_settings(
    service: Annotated[
        str, typer.Argument(help="orders, payments, notifications or analytics.", show_default=False)
    ] = "",
) -> None:
    """Show the settings a service would run with, and where each comes from.

    Example: KAFKA_GROUP_PROTOCOL=classic orderflow settings payments
    """
    if service not in SERVICES:
        raise typer.BadParameter(f"{service or 'nothing'} is no service; choose from {', '.join(SERVICES)}")
    kind = SERVICES[service]
    settings, origins = load(kind), origins_of(kind)
    print_table(
        ("variable", "value", "from"),
        [(name.upper(), _shown(settings, name), origins.get(name, "default")) for name in kind.model_fields],
    )


def reference() -> str:
    """Return the settings page of the services, as Markdown."""
    sections = [section(_TITLES[name], kind, _INTROS[name]) for name, kind in SERVICES.items()]
    return "\n".join([_PREFACE, *sections])


def origins_of(kind: type[Settings]) -> dict[str, str]:
    """Return where each setting that is not at its default comes from, flags aside."""
    sources = kind.settings_customise_sources(
        kind,
        InitSettingsSource(kind, {}),
        EnvSettingsSource(kind),
        DotEnvSettingsSource(kind),
        SecretsSettingsSource(kind),
    )
    env_file = os.environ.get("ENV_FILE") or kind.default_env_file or ""
    labels = ("flag", "environment", env_file, os.environ.get("CONFIG_FILE", ""))
    origins: dict[str, str] = {}
    for label, source in zip(labels, sources, strict=True):
        for name in source():
            origins.setdefault(name.lower(), label)
    return origins


def _shown(settings: Settings, name: str) -> str:
    """Return a value as it may be shown: a secret is only said to be there."""
    value = getattr(settings, name)
    if value in (None, ""):
        return ""
    return str(value) if type(settings).model_fields[name].repr else "(set)"
