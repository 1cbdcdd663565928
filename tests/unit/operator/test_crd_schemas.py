"""The CRDs describe exactly what the operator reads and writes."""

from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from orderflow_operator.scaling.types import Limiter
from orderflow_operator.spec.kafka import Auth, AuthType, ClusterRef, KafkaSpec
from orderflow_operator.spec.status import DecisionStatus, ScaleStatus, StreamWorkerStatus, TopicStatus
from orderflow_operator.spec.streamworker import (
    Fallback,
    ManualZero,
    OffsetReset,
    Pause,
    PauseMode,
    ScaleTargetRef,
    StreamWorkerSpec,
)
from orderflow_operator.spec.topicset import Backend, DeletionPolicy, TopicEntry, TopicSetSpec
from orderflow_operator.topics import status as topic_set

CRDS = Path(__file__).parents[3] / "deploy" / "helm" / "orderflow-operator" / "files" / "crds"


@cache
def schema(plural: str) -> dict[str, Any]:
    """Return the schema of the newest version of a kind."""
    crd = yaml.safe_load((CRDS / f"orderflow.dev_{plural}.yaml").read_text())
    found: dict[str, Any] = crd["spec"]["versions"][-1]["schema"]["openAPIV3Schema"]
    return found


def part(plural: str, path: str) -> dict[str, Any]:
    """Return the schema at a path of fields; what a list holds counts as the list."""
    found = schema(plural)
    for field in path.split("."):
        found = found["properties"][field]
        found = found.get("items", found)
    return found


@pytest.mark.parametrize(
    ("plural", "path", "ours"),
    [
        ("streamworkers", "spec", StreamWorkerSpec),
        ("streamworkers", "spec.scaleTargetRef", ScaleTargetRef),
        ("streamworkers", "spec.pause", Pause),
        ("streamworkers", "spec.fallback", Fallback),
        ("streamworkers", "status", StreamWorkerStatus),
        ("streamworkers", "status.topics", TopicStatus),
        ("streamworkers", "status.lastDecision", DecisionStatus),
        ("streamworkers", "status.lastDecision.limiters", Limiter),
        ("streamworkers", "status.lastScale", ScaleStatus),
        ("topicsets", "spec", TopicSetSpec),
        ("topicsets", "spec.topics", TopicEntry),
        ("topicsets", "status.topics", topic_set.TopicStatus),
        ("topicsets", "spec.kafka", KafkaSpec),
        ("topicsets", "spec.kafka.clusterRef", ClusterRef),
        ("topicsets", "spec.kafka.auth", Auth),
    ],
)
def test_every_field_is_declared_and_no_other(plural: str, path: str, ours: type[msgspec.Struct]) -> None:
    assert set(part(plural, path)["properties"]) == set(ours.__struct_encode_fields__)


@pytest.mark.parametrize(
    ("plural", "path", "ours"),
    [
        ("streamworkers", "spec.pause.mode", PauseMode),
        ("streamworkers", "spec.offsetReset", OffsetReset),
        ("streamworkers", "spec.manualZero", ManualZero),
        ("topicsets", "spec.kafka.auth.type", AuthType),
        ("topicsets", "spec.backend", Backend),
        ("topicsets", "spec.deletionPolicy", DeletionPolicy),
    ],
)
def test_every_choice_is_declared_and_no_other(plural: str, path: str, ours: type[StrEnum]) -> None:
    assert part(plural, path)["enum"] == [str(choice) for choice in ours]


def test_both_kinds_reach_kafka_in_the_same_way() -> None:
    assert part("topicsets", "spec.kafka") == part("streamworkers", "spec.kafka")


@pytest.mark.parametrize("plural", ["streamworkers", "topicsets"])
def test_every_field_is_described(plural: str) -> None:
    assert list(_undescribed(schema(plural), "")) == ["apiVersion", "kind", "metadata"]


def _undescribed(found: dict[str, Any], path: str) -> Any:
    for name, field in found.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        if "description" not in field and here != "spec":
            yield here
        yield from _undescribed(field.get("items", field), here)
