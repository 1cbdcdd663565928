"""The schema of the services' chart: types and meanings of its values, as JSON schema draft 7.

Settings come from the classes that read them and fields of custom resources from their CRDs, so that
neither is described twice. `deploy.helm.values` writes the result.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from orderflow.cli.settings import SERVICES
from orderflow.streaming.settings import WorkerSettings
from orderflow_process.settings import Settings

Schema = dict[str, Any]

CHARTS = Path(__file__).parents[1]
CRDS = CHARTS / "orderflow-operator" / "files" / "crds"

# What the chart gives by itself: where Kafka is and who one is, the pod's name, the ports of the probes.
_GIVEN = {"instance_name", "health_host", "health_port", "host", "api_port", "kafka_bootstrap_servers"}
_GIVEN_PREFIXES = ("kafka_security_", "kafka_sasl_", "kafka_ssl_")
_DERIVED = {"scaleTargetRef", "kafka", "consumerGroup", "topics", "offsetReset", "consumersPerPod"}
# One for all services, as the topics are.
_COMMON = {"topic_prefix", "partitions", "replication_factor"}

NAME: Schema = {"type": "string", "pattern": "^([a-z0-9]([-a-z0-9.]*[a-z0-9])?)?$", "maxLength": 253}
TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object"}
KEY: Schema = {"type": "string", "minLength": 1}
LABELS: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
OBJECTS: Schema = {"type": "array", "items": {"type": "object"}}


def described(kind: Schema, description: str, **more: Any) -> Schema:
    """Return a schema with its meaning."""
    return {**kind, **more, "description": description}


def section(description: str, **properties: Schema) -> Schema:
    """Return an object that has these keys and no others."""
    return {
        "type": "object",
        "description": description,
        "additionalProperties": False,
        "properties": properties,
    }


def choice(description: str, *values: str) -> Schema:
    """Return a string that is one of these."""
    return {"type": "string", "enum": list(values), "description": description}


def number(description: str, lowest: int, highest: int) -> Schema:
    """Return a whole number within bounds."""
    return {"type": "integer", "minimum": lowest, "maximum": highest, "description": description}


def camel(name: str) -> str:
    """Return a setting's name as the chart has it: log_level is logLevel."""
    first, *others = name.split("_")
    return first + "".join(each.title() for each in others)


def common_settings() -> Schema:
    """Return the settings that all services have."""
    kinds = list(SERVICES.values())
    shared = set.intersection(*(set(kind.model_fields) for kind in kinds))
    found = _settings(kinds[0], shared - {"transaction_timeout_seconds"})
    found["replicationFactor"] |= {
        "description": "Replicas of each topic; the cluster's default when absent."
    }
    del found["replicationFactor"]["default"]
    return section(
        "Settings of all services, by the names of docs/settings.md: logLevel becomes LOG_LEVEL.", **found
    )


def service_settings(service: str) -> Schema:
    """Return the settings of one service."""
    kind = SERVICES[service]
    found = _settings(kind, set(kind.model_fields) - _COMMON)
    if issubclass(kind, WorkerSettings):
        # The service ignores any other in its environment, and the StreamWorker would watch the wrong one.
        found["kafkaGroupId"]["pattern"] = f"^({kind.default_group}.*)?$"
    return section("Settings of this service alone, by the names of docs/settings.md.", **found)


def scaling() -> Schema:
    """Return what a worker's StreamWorker takes, except what the chart knows."""
    spec = _spec_of("streamworkers")
    fields = {name: _plain(field) for name, field in spec.items() if name not in _DERIVED}
    switch = described(FLAG, "Whether the operator scales the workload; it has no replicas of its own then.")
    return section("The StreamWorker that scales the workload on lag.", enabled=switch, **fields)


def topic_overrides() -> Schema:
    """Return what may be changed of a topic."""
    entry = {
        name: _plain(each) for name, each in _spec_of("topicsets")["topics"]["items"]["properties"].items()
    }
    del entry["name"]
    return {
        "type": "object",
        "description": "Changes to single topics, by their name without prefix.",
        "additionalProperties": section("Changes to this topic.", **entry),
    }


def _settings(kind: type[Settings], names: set[str]) -> dict[str, Schema]:
    schema = kind.model_json_schema()["properties"]
    shown = {
        name: field
        for name, field in kind.model_fields.items()
        if name in names and field.repr and name not in _GIVEN and not name.startswith(_GIVEN_PREFIXES)
    }
    return {camel(name): _setting(schema[name]) for name in shown}


def _setting(found: Mapping[str, Any]) -> Schema:
    kinds = found.get("anyOf")
    bounds = {
        key: value
        for key, value in found.items()
        if key not in ("title", "anyOf") and (key, value) != ("default", None)
    }
    if not kinds:
        return bounds
    # An optional text is left out when it is not wanted; an exact decimal may come as text too.
    return {**bounds, "type": sorted({each["type"] for each in kinds if each["type"] != "null"})}


def _spec_of(plural: str) -> dict[str, Any]:
    crd = yaml.safe_load((CRDS / f"orderflow.dev_{plural}.yaml").read_text())
    (version,) = crd["spec"]["versions"]
    fields: dict[str, Any] = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]
    return fields


def _plain(field: Mapping[str, Any]) -> Schema:
    """Return a field of a CRD as JSON schema: without what only an API server understands."""
    kept = {key: value for key, value in field.items() if not key.startswith("x-") and key != "format"}
    if "properties" in kept:
        kept["properties"] = {name: _plain(each) for name, each in kept["properties"].items()}
        kept["additionalProperties"] = False
    return kept
