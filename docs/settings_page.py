"""Prints docs/settings.md: every process of the pipeline, the operator, then `make up` itself.

python docs/settings_page.py > docs/settings.md
"""

from orderflow.cli.settings import reference
from orderflow.cli.settings_reference import section
from orderflow_local.settings import LocalSettings
from orderflow_operator.settings import OperatorSettings

OPERATOR = """\
Read by `orderflow-operator run` from flags and the environment; in the chart `config.pollIntervalSeconds` is
`POLL_INTERVAL_SECONDS`, and so on."""

LOCAL = """\
Read by `make up` and its fellows from the environment: `API_PORT=8080 PAYMENT_WORKERS=4 make up`. The
files that `ENV_FILE` and `CONFIG_FILE` name are read too. What you set for the services is passed on to
them, but for three settings that each process has for itself: `INSTANCE_NAME` is its slot
(`payments-0`), `HEALTH_PORT` is a free port, and `KAFKA_GROUP_ID` is not passed on. Unless you set them,
`PAYMENT_GATEWAY_LATENCY_MS` is 20 and `PAYMENT_CONCURRENCY` is 8 here."""


def page() -> str:
    """Return the whole page, as Markdown."""
    operator = section("Operator", OperatorSettings, OPERATOR)
    local = section("The system on one machine", LocalSettings, LOCAL, flags=False)
    return f"{reference()}\n{operator}\n{local}"


if __name__ == "__main__":
    print(page(), end="")
