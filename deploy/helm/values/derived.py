"""Values that follow from what reads them, so that nothing is described twice.

Settings come from the classes that read them, fields of custom resources from their CRDs.
"""

from collections.abc import Mapping
from typing import Any

import yaml
from pydantic_settings import BaseSettings

from deploy.helm.values.pieces import CHARTS, FLAG, Schema, camel, described, section
from orderflow.cli.settings import SERVICES
from orderflow_operator.settings import OperatorSettings

CRDS = CHARTS / "orderflow-operator" / "files" / "crds"

# What a chart gives by itself: where Kafka and the API server are and who one is, the pod's name and
# namespace, the ports of the probes.
_GIVEN = {
    *("instance_name", "health_host", "health_port", "host", "api_port", "kafka_bootstrap_servers"),
    *("operator_namespace", "watch_namespaces", "database_url"),
}
_GIVEN_PREFIXES = ("kafka_security_", "kafka_sasl_", "kafka_ssl_", "kube")
_DERIVED = {"scaleTargetRef", "kafka", "consumerGroup", "topics", "offsetReset", "consumersPerPod"}
# One for all services, as the topics are.
_COMMON = {"topic_prefix", "partitions", "replication_factor"}


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
    if own := getattr(kind, "default_group", None):
        # The service ignores any other in its environment, and the StreamWorker would watch the wrong one.
        found["kafkaGroupId"]["pattern"] = f"^({own}.*)?$"
    return section("Settings of this service alone, by the names of docs/settings.md.", **found)


def operator_settings() -> Schema:
    """Return the settings of the operator."""
    return section(
        "Settings of the operator, by the names of docs/settings.md: logLevel becomes LOG_LEVEL.",
        **_settings(OperatorSettings, set(OperatorSettings.model_fields)),
    )


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


def _settings(kind: type[BaseSettings], names: set[str]) -> dict[str, Schema]:
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
    own = [each for each in kinds if each["type"] != "null"]
    pattern = next(({"pattern": each["pattern"]} for each in own if "pattern" in each), {})
    return {**bounds, **pattern, "type": sorted({each["type"] for each in own})}


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
