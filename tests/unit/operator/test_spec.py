"""What a StreamWorker may say; what it may not is answered with the path of the field."""

from typing import Any

import msgspec
import pytest

from orderflow_operator.spec.fields import SpecError
from orderflow_operator.spec.kafka import AuthType
from orderflow_operator.spec.streamworker import (
    Pause,
    PauseMode,
    Policy,
    StreamWorkerSpec,
    parse_policy,
    parse_stream_worker,
)

LEAST: dict[str, Any] = {
    "kafka": {"bootstrapServers": "kafka:9092"},
    "scaleTargetRef": {"name": "payment-service"},
    "consumerGroup": "payment-service",
    "topics": ["orders"],
}


def spec(**changes: Any) -> StreamWorkerSpec:
    return parse_stream_worker({**LEAST, **changes})


def test_the_least_spec_has_the_documented_defaults() -> None:
    worker = spec()
    assert worker.policy == Policy()
    assert (worker.min_replicas, worker.max_replicas, worker.consumers_per_pod) == (1, 100, 1)
    assert (worker.max_lag_seconds, worker.catch_up_seconds, worker.lag_per_replica) == (30, 60, 1000)
    assert (worker.utilization, worker.stabilization_window_seconds, worker.dry_run) == (0.7, 120, False)


def test_names_are_those_of_the_resource() -> None:
    kafka = {
        "clusterRef": {"name": "kafka", "namespace": "orderflow", "listener": "tls"},
        "auth": {"type": "Tls", "secretName": "payments"},
        "caSecretName": "ca",
    }
    worker = spec(
        kafka=kafka, maxLagSeconds=5, pause={"mode": "At", "replicas": 3, "until": "2026-01-02T03:04:05Z"}
    )
    assert worker.kafka.auth.type is AuthType.TLS
    assert worker.max_lag_seconds == 5
    assert worker.pause is not None
    assert worker.pause.ends_at() == 1767323045


def test_a_parsed_spec_is_written_as_it_is_read() -> None:
    worker = spec(
        minReplicas=0,
        fallback={"replicas": 3},
        pause={"mode": "Hold", "until": "2026-01-02T03:04:05Z", "reason": "inventory"},
    )
    assert msgspec.convert(msgspec.to_builtins(worker), StreamWorkerSpec) == worker
    assert msgspec.json.decode(msgspec.json.encode(worker), type=StreamWorkerSpec) == worker


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        pytest.param({"minReplica": 1}, "spec.minReplica", "did you mean minReplicas", id="misspelled"),
        pytest.param({"minReplicas": -1}, "spec.minReplicas", "int >= 0", id="below zero"),
        pytest.param({"maxReplicas": "many"}, "spec.maxReplicas", "expected int", id="wrong type"),
        pytest.param(
            {"maxReplicas": 2, "minReplicas": 3}, "spec.minReplicas", "maxReplicas", id="min over max"
        ),
        pytest.param({"utilization": 0}, "spec.utilization", "> 0", id="no utilization"),
        pytest.param({"utilization": 1.5}, "spec.utilization", "<= 1", id="over full"),
        pytest.param({"catchUpSeconds": 0}, "spec.catchUpSeconds", "> 0", id="no time to catch up"),
        pytest.param({"lagPerReplica": 0}, "spec.lagPerReplica", ">= 1", id="no lag per replica"),
        pytest.param({"topics": []}, "spec.topics", ">= 1", id="no topics"),
        pytest.param({"topics": ["orders", "orders"]}, "spec.topics", "twice", id="a topic twice"),
        pytest.param({"topics": ["orders", 7]}, "spec.topics[1]", "expected str", id="an item of a list"),
        pytest.param({"kafka": {}}, "spec.kafka", "one of clusterRef and bootstrapServers", id="no cluster"),
        pytest.param(
            {"kafka": {"clusterRef": {"name": "a"}, "bootstrapServers": "b:1"}},
            "spec.kafka.bootstrapServers",
            "not both",
            id="two clusters",
        ),
        pytest.param({"kafka": {"clusterRef": {}}}, "spec.kafka.clusterRef.name", "required", id="no name"),
        pytest.param(
            {"kafka": {"bootstrapServers": "b:1", "auth": {"type": "ScramSha512"}}},
            "spec.kafka.auth.secretName",
            "ScramSha512",
            id="login without secret",
        ),
        pytest.param(
            {"kafka": {"bootstrapServers": "b:1", "auth": {"secretName": "s"}}},
            "spec.kafka.auth.type",
            "ScramSha512 or Tls",
            id="secret without login",
        ),
        pytest.param({"pause": {"mode": "At"}}, "spec.pause.replicas", "mode At", id="at how many"),
        pytest.param(
            {"pause": {"mode": "Hold", "replicas": 2}}, "spec.pause.mode", "must be At", id="hold at a number"
        ),
        pytest.param({"pause": {"mode": "Stop"}}, "spec.pause.mode", "Stop", id="unknown mode"),
        pytest.param(
            {"pause": {"mode": "Hold", "until": "soon"}}, "spec.pause.until", "RFC3339", id="no time"
        ),
        pytest.param(
            {"fallback": {"replicas": 7}, "maxReplicas": 5},
            "spec.fallback.replicas",
            "5",
            id="fallback over max",
        ),
        pytest.param(
            {"scaleTargetRef": {"name": "x", "kind": "StatefulSet"}},
            "spec.scaleTargetRef.kind",
            "Deployment",
            id="not a deployment",
        ),
    ],
)
def test_a_bad_field_is_named_with_its_path(changes: dict[str, Any], path: str, text: str) -> None:
    with pytest.raises(SpecError) as raised:
        spec(**changes)
    assert raised.value.path == path
    assert text in str(raised.value)


@pytest.mark.parametrize("name", list(LEAST))
def test_a_missing_field_is_named(name: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse_stream_worker({key: value for key, value in LEAST.items() if key != name})
    assert str(raised.value) == f"spec.{name}: is required"


def test_a_policy_alone_names_its_own_section() -> None:
    with pytest.raises(SpecError, match=r"payment\.minReplicas: 9 is above maxReplicas, 3"):
        parse_policy({"minReplicas": 9, "maxReplicas": 3}, at="payment")


def test_a_pause_ends_at_its_end() -> None:
    pause = msgspec.convert({"mode": "Hold", "until": "1970-01-01T00:01:40Z"}, Pause)
    assert (pause.active(99.9), pause.active(100.0)) == (True, False)
    assert Pause(mode=PauseMode.HOLD).active(1e12)
