"""What a person reads about a StreamWorker: kubectl, `explain` and `doctor`; and many workers at once."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from support.eventually import eventually
from support.kube.chart import OPERATOR_NAMESPACE
from support.kube.cluster import Cluster, KubectlFailed, Manifest
from support.kube.resources import deployment, stream_worker
from support.operator_process import COMMAND, OperatorProcess
from support.workload import Status, Workload

from orderflow_operator.scaling import Inputs, decide

Operators = Callable[..., OperatorProcess]
MANY = 100
INTERVAL = 2.0


def run(*arguments: str, kubeconfig: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("KUBE")}
    return subprocess.run(
        [str(COMMAND), *arguments],
        env=known | {"KUBECONFIG": str(kubeconfig)} | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_kubectl_and_explain_answer_why_this_many(
    workload: Workload, operators: Operators, operator_identity: Path
) -> None:
    operator = operators().wait_ready()
    with workload.running(maxReplicas=12, stabilizationWindowSeconds=60):
        workload.wait_decided()
        with operator.held():
            workload.produce(4000)
        workload.wait(size=6, within=10)
        eventually(lambda: "ScaledUp" in workload.reasons_of_events(), within=10)
        told = workload.status["lastScale"]["message"]
        assert "6 partitions" in told

        described = workload.cluster.kubectl("describe", "sw", workload.name, namespace=workload.namespace)
        assert told.split(":")[0] in described
        assert "ScaledUp" in described  # the Events
        row = workload.cluster.kubectl("get", "sw", workload.name, namespace=workload.namespace)
        heading, values = (line.split() for line in row.splitlines())
        assert heading[:7] == ["NAME", "TARGET", "LAG", "SECONDS", "REPLICAS", "DESIRED", "REASON"]
        assert values[:2] == [workload.name, workload.name]

        # The operator goes on deciding: what is shown is the reason before or after.
        before = workload.status["reason"]
        explained = run("explain", workload.name, "-n", workload.namespace, kubeconfig=operator_identity)
        reasons = {before, workload.status["reason"]}
        assert explained.returncode == 0, explained.stderr
        assert f"Deployment {workload.name}" in explained.stdout
        assert any(reason in explained.stdout for reason in reasons), explained.stdout
        again = run("explain", "nobody", "-n", workload.namespace, kubeconfig=operator_identity)
        assert (again.returncode, again.stdout) == (1, "")
        assert "there is no StreamWorker nobody" in again.stderr

        status = workload.status
        assert replayed(status) == status["lastDecision"]["replicas"]
        (served,) = operator.decisions()
        assert (served["name"], served["namespace"]) == (workload.name, workload.namespace)
        assert served["decision"]["message"]


def replayed(status: Status) -> int:
    """Decide again from the recorded inputs alone."""
    return decide(msgspec.convert(status["lastDecision"]["inputs"], Inputs)).replicas


@contextmanager
def bounds_unchecked(cluster: Cluster) -> Iterator[None]:
    """A CRD without the rules between fields, as an older one may have stood when a worker was applied."""
    name = "streamworkers.orderflow.dev"
    rules = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/x-kubernetes-validations"
    found: Any = cluster.get("crd", name)
    kept = found["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    for_good = {"op": "add", "path": rules, "value": kept["x-kubernetes-validations"]}
    cluster.kubectl("patch", "crd", name, "--type=json", "-p", json.dumps([{"op": "remove", "path": rules}]))
    try:
        yield
    finally:
        cluster.kubectl("patch", "crd", name, "--type=json", "-p", json.dumps([for_good]))


def is_taken(cluster: Cluster, manifest: Manifest, namespace: str) -> bool:
    """Apply a manifest; the API server needs a moment to take in another CRD."""
    try:
        cluster.apply(manifest, namespace=namespace)
    except KubectlFailed:
        return False
    return True


def test_a_spec_that_cannot_be_used_says_so_until_it_is_mended(
    workload: Workload, operators: Operators
) -> None:
    operators().wait_ready()
    wrong = workload.manifest(minReplicas=5, maxReplicas=4)
    with workload.running():
        workload.wait_decided()
        learned = workload.status["memory"]
        with bounds_unchecked(workload.cluster):
            eventually(lambda: is_taken(workload.cluster, wrong, workload.namespace), within=20)
            eventually(lambda: workload.condition("ScalingActive") == ("False", "SpecInvalid"), within=10)
        status = workload.status
        assert status["message"] == "spec.minReplicas: 5 is above maxReplicas, 4"
        assert status["observedGeneration"] == 2
        assert status["memory"].keys() >= learned.keys(), "what was learned stays"
        assert workload.reasons_of_events().count("SpecInvalid") == 1

        workload.apply()
        eventually(lambda: workload.condition("ScalingActive")[0] == "True", within=15)
        assert workload.status["reason"] != "SpecInvalid"


def test_doctor_names_what_is_missing_and_what_to_do(
    workload: Workload, operator_identity: Path, cluster: Cluster
) -> None:
    workload.create_topic()
    auth = {"type": "ScramSha512", "secretName": "nobody"}
    kafka = {"bootstrapServers": workload.bootstrap_servers}
    cluster.apply(
        stream_worker("good", kafka=kafka, topics=[workload.topic], consumerGroup=workload.group),
        stream_worker("no-topic", kafka=kafka, topics=[f"{workload.topic}-absent"]),
        stream_worker("no-secret", kafka=kafka | {"auth": auth}),
        stream_worker("no-broker", kafka={"bootstrapServers": "127.0.0.1:1"}),
        namespace=workload.namespace,
    )
    said = run(
        "doctor",
        kubeconfig=operator_identity,
        WATCH_NAMESPACES=workload.namespace,
        KAFKA_TIMEOUT_SECONDS="3",
    )
    lines = said.stdout.splitlines()
    assert said.returncode == 1, said.stderr

    def about(name: str) -> list[str]:
        return [line for line in lines if f"{workload.namespace}/{name}:" in line]

    assert [line.split()[0] for line in about("good")] == ["ok"]
    assert any("RBAC allows everything" in line for line in lines)
    assert any("is served" in line for line in lines)
    for name, words in {
        "no-topic": "there is no such topic",
        "no-secret": f"Secret {workload.namespace}/nobody",
        "no-broker": "did not answer",
    }.items():
        (line,) = about(name)
        assert line.startswith("fix")
        assert words in line


def test_doctor_names_each_right_that_is_missing(cluster: Cluster, kube_namespace: str) -> None:
    said = run(
        "doctor",
        kubeconfig=cluster.identity("default", kube_namespace),
        WATCH_NAMESPACES=kube_namespace,
        OPERATOR_NAMESPACE=OPERATOR_NAMESPACE,
    )
    assert f"fix  RBAC: may not update deployments/scale in {kube_namespace}" in said.stdout
    assert f"fix  RBAC: may not update leases in {OPERATOR_NAMESPACE}" in said.stdout


def test_a_hundred_workers_are_polled_in_a_fraction_of_the_interval(
    workload: Workload, operators: Operators
) -> None:
    workload.create_topic()
    names = [f"worker-{number:03}" for number in range(MANY)]
    kafka = {"bootstrapServers": workload.bootstrap_servers}
    manifests = [
        manifest
        for name in names
        for manifest in (
            deployment(name, replicas=0),
            stream_worker(
                name,
                kafka=kafka,
                topics=[workload.topic],
                consumerGroup=f"{workload.topic}-{name}",
                minReplicas=0,
            ),
        )
    ]
    workload.cluster.apply(*manifests, namespace=workload.namespace)
    operator = operators(is_forked=False, poll_interval_seconds=INTERVAL, kafka_timeout_seconds=10)
    operator.wait_ready()
    # What is written first is that rollouts are under way, and then that they are done.
    eventually(lambda: set(reasons(workload)) == {"Idle"}, within=60)
    first, before = later_polls(operator)
    versions = versions_of(workload)
    count, seconds = later_polls(operator)
    assert versions_of(workload) == versions, "a round in which nothing happened writes nothing"
    assert (seconds - before) / (count - first) < INTERVAL / 2
    tree = [psutil.Process(operator.pid), *psutil.Process(operator.pid).children(recursive=True)]
    assert sum(process.memory_info().rss for process in tree) < 300 * 2**20


def reasons(workload: Workload) -> list[str]:
    found = workload.cluster.find("streamworkers", workload.namespace)
    return [one.get("status", {}).get("reason", "") for one in found]


def versions_of(workload: Workload) -> list[str]:
    found = workload.cluster.find("streamworkers", workload.namespace)
    return [one["metadata"]["resourceVersion"] for one in found]


def later_polls(operator: OperatorProcess) -> tuple[float, float]:
    """Wait for the end of two more polls, and return what `polls` does then."""
    before, _ = polls(operator)
    eventually(lambda: polls(operator)[0] >= before + 2, within=30)
    return polls(operator)


def polls(operator: OperatorProcess) -> tuple[float, float]:
    """Return how many polls there were and how long they took together."""
    name = "orderflow_operator_poll_seconds"
    return operator.metric(f"{name}_count"), operator.metric(f"{name}_sum")


def test_log_lines_are_json_that_says_whose_they_are(workload: Workload, operators: Operators) -> None:
    operator = operators(log_format="json").wait_ready()
    line = json.loads(operator.log.splitlines()[0])
    assert (line["service.name"], line["log.level"]) == ("orderflow-operator", "info")
