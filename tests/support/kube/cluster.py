"""What a test does with its cluster: ask, apply, take on an identity, and have a namespace of its own.

Usage, with the fixtures of `tests/cluster/conftest.py`:

    def test_something(cluster: Cluster, kube_namespace: str) -> None:
        cluster.apply({"kind": "StreamWorker", ...}, namespace=kube_namespace)
        worker = cluster.get("streamworker", "payments", kube_namespace)  # a plain document
        said = cluster.refusal(manifest, namespace=kube_namespace)        # why the API server refuses it
        cluster.kubectl("scale", "deployment/payments", "--replicas=0", namespace=kube_namespace)
        admin = cluster.api()                                             # orderflow_operator.kube.KubeApi
        file = cluster.identity("orderflow-operator", "orderflow-system") # kubeconfig with its real token

`cluster` is an API server, etcd and the controllers, shared by all cluster tests of a process, with the
CRDs of the chart and Strimzi's. `operator_identity` is the kubeconfig of a service account that has the
chart's rights and no others; pass it to a process as KUBECONFIG. Nobody runs Pods: `support.kube.kubelet`.
"""

import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.eventually import eventually
from support.kube.control_plane import write_kubeconfig

from orderflow_operator.kube import KubeApi, path

Manifest = dict[str, Any]

ANSWER_WITHIN = 60.0  # seconds for one kubectl command
MADE_WITHIN = 60.0  # seconds for a namespace with what every namespace has


class KubectlFailed(Exception):
    """A kubectl command ended with an error; its text is what kubectl said."""


@dataclass(frozen=True)
class Cluster:
    """One cluster, named by a kubeconfig and a context in it, and the kubectl to reach it with."""

    kubeconfig: Path
    context: str
    program: Path
    folder: Path
    is_temporary: bool = False  # it ends with the test run, and what is in it too

    def kubectl(self, *arguments: str, namespace: str | None = None, stdin: str | None = None) -> str:
        """Run kubectl and return what it printed; raise KubectlFailed with what it said."""
        where = ["--kubeconfig", str(self.kubeconfig), "--context", self.context]
        within = ["--namespace", namespace] if namespace else []
        done = subprocess.run(
            [str(self.program), *where, *within, *arguments],
            # The user's cache may hold what another cluster on this port knew.
            env={**os.environ, "KUBECACHEDIR": str(self.folder / "kubectl-cache")},
            input=stdin,
            capture_output=True,
            text=True,
            timeout=ANSWER_WITHIN,
            check=False,
        )
        if done.returncode != 0:
            raise KubectlFailed(done.stderr.strip())
        return done.stdout

    def apply(self, *manifests: Manifest, namespace: str | None = None) -> None:
        """Apply manifests as a user does."""
        self.kubectl("apply", "-f", "-", namespace=namespace, stdin=documents(manifests))

    def refusal(self, *manifests: Manifest, namespace: str | None = None) -> str:
        """Return why the API server refuses a manifest; fail when it takes it."""
        try:
            self.apply(*manifests, namespace=namespace)
        except KubectlFailed as failed:
            return str(failed)
        raise AssertionError(f"{manifests} was not refused")

    def delete(self, kind: str, name: str, namespace: str | None = None, *, wait: bool = True) -> None:
        """Delete an object; it may already be gone."""
        flags = ("--ignore-not-found", f"--wait={'true' if wait else 'false'}")
        self.kubectl("delete", kind, name, *flags, namespace=namespace)

    def get(self, kind: str, name: str, namespace: str | None = None) -> Manifest:
        """Return an object; raise KubectlFailed when there is none."""
        found: Manifest = json.loads(self.kubectl("get", kind, name, "-o", "json", namespace=namespace))
        return found

    def find(self, kind: str, namespace: str | None = None, *, selector: str = "") -> list[Manifest]:
        """Return the objects of a kind in a namespace, all or those with the labels."""
        answer = self.kubectl("get", kind, "-o", "json", "-l", selector, namespace=namespace)
        items: list[Manifest] = json.loads(answer)["items"]
        return items

    def allows(
        self, identity: Path, verb: str, resource: str, namespace: str | None = None, *, subresource: str = ""
    ) -> bool:
        """Tell whether an identity may do something with a resource, such as `deployments.apps`, or
        `leases.coordination.k8s.io/one` for one by name; without a namespace, in all of them."""
        kind, _, name = resource.partition("/")
        plural, _, group = kind.partition(".")
        asked = {"verb": verb, "group": group, "resource": plural, "subresource": subresource, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": asked | ({"namespace": namespace} if namespace else {})},
        }
        asking = KubeApi.connect(str(identity), self.context)
        answer = asking.create(path("authorization.k8s.io/v1", "selfsubjectaccessreviews"), review)
        return bool(answer["status"]["allowed"])

    def api(self) -> KubeApi:
        """Return a connection of the administrator."""
        return KubeApi.connect(str(self.kubeconfig), self.context)

    def identity(self, service_account: str, namespace: str) -> Path:
        """Return a kubeconfig with a real token of a service account, good for a day."""
        token = self.kubectl("create", "token", service_account, "--duration=24h", namespace=namespace)
        view = self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json")
        address = json.loads(view)["clusters"][0]["cluster"]
        file = Path(tempfile.mkdtemp(dir=self.folder)) / f"{service_account}.kubeconfig"
        return write_kubeconfig(file, address, token.strip(), self.context)

    @contextmanager
    def namespace(self, prefix: str = "test") -> Iterator[str]:
        """Make a namespace; where it would outlast the test run, delete it without waiting for its end.

        To delete one costs an API server and its controllers some hundred requests, half a second.
        """
        name = f"{prefix}-{secrets.token_hex(4)}"
        api = self.api()
        api.create(path("v1", "namespaces"), {"metadata": {"name": name}})
        # Without the account no Pod can be made.
        accounts = path("v1", "serviceaccounts", name)
        try:
            eventually(lambda: api.list(accounts, fieldSelector="metadata.name=default"), within=MADE_WITHIN)
            yield name
        finally:
            if not self.is_temporary:
                self.delete("namespace", name, wait=False)

    def wait_gone(self, kind: str, name: str, namespace: str | None = None, *, within: float) -> None:
        """Return once the object is gone."""

        def gone() -> bool:
            flags = ("--ignore-not-found", "-o", "name")
            return not self.kubectl("get", kind, name, *flags, namespace=namespace)

        eventually(gone, within=within, every=0.2)

    def add_crds(self, *files: Path) -> None:
        """Apply CRDs, of files or folders, and return once their kinds are served."""
        wanted = [argument for file in files for argument in ("-f", str(file))]
        names = self.kubectl("apply", "--server-side", "--force-conflicts", "-o", "name", *wanted).split()
        # `kubectl wait` fails on a CRD that has no conditions yet; and discovery comes after Established.
        plurals = {name.partition("/")[2].partition(".")[0] for name in names}
        eventually(lambda: plurals <= self.kinds(), within=60)

    def remove_crds(self, *files: Path) -> None:
        """Delete CRDs, and with them all of their kinds; return once both are gone."""
        wanted = [argument for file in files for argument in ("-f", str(file))]
        gone = self.kubectl("delete", "--ignore-not-found", "-o", "name", *wanted).split()
        plurals = {name.partition("/")[2].partition(".")[0] for name in gone}
        eventually(lambda: not plurals & self.kinds(), within=60)

    def kinds(self) -> set[str]:
        """Return the kinds that are served, by their plurals."""
        listed = self.kubectl("api-resources", "--no-headers", "-o", "name", "--cached=false")
        return {name.partition(".")[0] for name in listed.split()}


def documents(manifests: Iterable[Manifest]) -> str:
    """Return manifests as kubectl reads them from its input."""
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)})
