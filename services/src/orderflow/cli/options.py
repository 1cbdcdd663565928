"""Options that several commands share, and how they become settings."""

from __future__ import annotations

from typing import Annotated

import typer

from orderflow.streaming.settings import KafkaSettings
from orderflow_process.settings import load

ANSWER_SECONDS = 5.0  # how long a command waits for a broker before it says that there is none

Servers = Annotated[
    str | None,
    typer.Option(
        "--kafka-bootstrap-servers",
        help="Brokers to start from (KAFKA_BOOTSTRAP_SERVERS; else localhost:19092).",
        show_default=False,
    ),
]
Prefix = Annotated[
    str | None,
    typer.Option("--topic-prefix", help="Put before every topic's name (TOPIC_PREFIX).", show_default=False),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def kafka_settings(servers: str | None, prefix: str | None = None) -> KafkaSettings:
    """Return the settings of a command that talks to Kafka; raise SettingsError."""
    return load(KafkaSettings, {"kafka_bootstrap_servers": servers, "topic_prefix": prefix})
