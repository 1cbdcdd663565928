"""The whole of Orderflow on a real kind cluster, in its default namespaces, as end-to-end tests use it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from support.eventually import eventually
from support.kube.cluster import Cluster, KubectlFailed, Manifest

from deploy.kind.cluster import Cluster as Kind

SERVICES, OPERATOR = "orderflow", "orderflow-system"
NAMESPACES = (SERVICES, OPERATOR)
WORKERS = {"payments": "payment-service", "notifications": "notification-service"}


class CommandFailed(Exception):
    """A command in the tools' pod ended with an error; its text is what it said."""


@dataclass(frozen=True)
class Sent:
    """How many orders were accepted, and how many of them were sent again because an answer was missing."""

    accepted: int
    again: int


@dataclass
class Sending:
    """Orders on their way while a test does something else."""

    process: subprocess.Popen[str]

    def finish(self, within: float, *, all_of_them: bool = True) -> Sent:
        """Wait for the last of them; raise CommandFailed if one was not accepted."""
        said, _ = self.process.communicate(timeout=within)
        if self.process.returncode != 0 and all_of_them:
            raise CommandFailed(said.strip())
        return Sent(_number_before(" orders accepted", said), _number_before(" sent again", said))


@dataclass
class System:
    """One cluster and what is deployed on it."""

    kind: Kind
    cluster: Cluster
    console: Console

    def orderflow(self, *words: str, within: float = 120.0) -> str:
        """Run the command `orderflow` inside of the cluster; raise CommandFailed."""
        done = subprocess.run(
            self._in_tools(words), capture_output=True, text=True, timeout=within, check=False
        )
        if done.returncode != 0:
            raise CommandFailed(f"{done.stdout}{done.stderr}".strip())
        return done.stdout

    @contextmanager
    def sending(self, count: int, *, rate: float | None = None, to: str = "http") -> Iterator[Sending]:
        """Send orders while the block lasts; the block is to call `finish`."""
        words = [
            "orders",
            "send",
            "--count",
            str(count),
            "--to",
            to,
            *(["--rate", str(rate)] if rate else ()),
        ]
        command = self._in_tools(words)
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        ) as process:
            try:
                yield Sending(process)
            finally:
                if process.poll() is None:
                    process.kill()

    def verdict(self, *, wait: float = 0.0) -> dict[str, Any]:
        """Return what `orderflow verify` finds, once all orders are handled or the wait is over."""
        words = ("verify", "--json", *(("--wait", f"{wait:g}") if wait else ()))
        done = subprocess.run(
            self._in_tools(words), capture_output=True, text=True, timeout=wait + 120, check=False
        )
        # With exit code 1 there is a verdict too.
        if not done.stdout.strip():
            raise CommandFailed(done.stderr.strip())
        verdict: dict[str, Any] = json.loads(done.stdout)
        return verdict

    def deployment(self, component: str) -> Manifest:
        """Return the Deployment of a service."""
        return self.cluster.get("deployment", f"orderflow-{component}", SERVICES)

    def replicas(self, component: str) -> int:
        """Return how many pods a service is to have."""
        return int(self.deployment(component)["spec"]["replicas"])

    def worker(self, component: str) -> Manifest:
        """Return the status of a StreamWorker."""
        found = self.cluster.get("streamworker", f"orderflow-{component}", SERVICES)
        status: Manifest = found.get("status") or {}
        return status

    def condition(self, component: str, kind: str) -> Manifest:
        """Return one of a StreamWorker's conditions."""
        (found,) = [each for each in self.worker(component)["conditions"] if each["type"] == kind]
        return dict(found)

    def pods(self, component: str, namespace: str = SERVICES) -> list[str]:
        """Return the names of a component's pods that are not on their way out."""
        return [pod["metadata"]["name"] for pod in self._pods(component, namespace)]

    def kill(self, *pods: str, namespace: str = SERVICES) -> None:
        """Take pods away as a lost node would."""
        flags = ("--force", "--grace-period=0", "--wait=false")
        self.cluster.kubectl("delete", "pod", *pods, *flags, namespace=namespace)

    def wait_rolled_out(self, *components: str, within: float = 180.0) -> None:
        """Return once every pod of these services is a new one, and ready."""
        names = [f"deployment/orderflow-{component}" for component in components]
        for name in names:
            self._kubectl("rollout", "status", name, f"--timeout={within:.0f}s", within=within + 10)

    def wait_ready(self, *components: str, within: float = 180.0) -> None:
        """Return once these services have all the pods that they are to have, ready."""

        def are_ready() -> bool:
            return all(len(self.ready(name)) == self.replicas(name) for name in components)

        eventually(are_ready, within=within, every=0.5)

    def wait_for_kafka(self, within: float = 180.0) -> None:
        """Return once the broker's pod is ready."""

        eventually(lambda: self.ready("broker"), within=within, every=0.5)

    def topics(self) -> dict[str, int]:
        """Return the partitions of each topic of the pipeline that is in Kafka."""
        told = json.loads(self.orderflow("topics", "--json"))
        return {each["topic"]: each["partitions"] for each in told if each.get("partitions")}

    def resources(self, *flags: str) -> str:
        """Return what people look at: workers, topics and pods."""
        kinds = ["streamworkers", "pods"]
        if "kafkatopics" in self.cluster.kinds():
            kinds.insert(1, "kafkatopics")
        return self.cluster.kubectl("get", ",".join(kinds), *flags, namespace=SERVICES)

    def ready(self, component: str) -> list[Manifest]:
        """Return a service's pods that are ready."""
        return [pod for pod in self._pods(component, SERVICES) if _is_ready(pod)]

    def _pods(self, component: str, namespace: str) -> list[Manifest]:
        found = self.cluster.find("pods", namespace, selector=f"app.kubernetes.io/component={component}")
        return [pod for pod in found if "deletionTimestamp" not in pod["metadata"]]

    def _in_tools(self, words: Sequence[str]) -> list[str]:
        where = ("--kubeconfig", str(self.cluster.kubeconfig), "--context", self.cluster.context)
        inside = ("--namespace", SERVICES, "exec", "deployment/orderflow-tools", "--")
        return [str(self.cluster.program), *where, *inside, "orderflow", *words]

    def _kubectl(self, *words: str, within: float) -> None:
        where = ("--kubeconfig", str(self.cluster.kubeconfig), "--context", self.cluster.context)
        done = subprocess.run(
            [str(self.cluster.program), *where, "--namespace", SERVICES, *words],
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlFailed(f"{done.stdout}{done.stderr}".strip())


def _number_before(words: str, said: str) -> int:
    found = re.search(rf"([\d,]+){words}", said)
    return int(found[1].replace(",", "")) if found else 0


def _is_ready(pod: Manifest) -> bool:
    told = {each["type"]: each["status"] for each in pod["status"].get("conditions", ())}
    return told.get("Ready") == "True"
