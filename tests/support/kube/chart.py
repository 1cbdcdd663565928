"""Our charts as tests use them: rendered, checked and installed by a real helm; the operator's by default."""

import json
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from support.kube.cluster import Cluster, Manifest

REPOSITORY = Path(__file__).parents[3]
CHART = REPOSITORY / "deploy" / "helm" / "orderflow-operator"
CRDS = CHART / "files" / "crds"
SERVICES_CHART = CHART.with_name("orderflow")
RELEASE = "orderflow-operator"
OPERATOR_NAMESPACE = "orderflow-system"

Values = Mapping[str, Any]


class HelmFailed(Exception):
    """A helm command ended with an error; its text is what helm said."""


@dataclass(frozen=True)
class Helm:
    """A helm with caches of its own and no configuration of the user's, and the release it works on.

    `given` are values without which the chart refuses everything; those of a call win over them.
    """

    program: Path
    folder: Path
    release: str = RELEASE
    namespace: str = OPERATOR_NAMESPACE
    chart: Path = CHART
    given: Values = field(default_factory=dict)

    def __call__(self, *arguments: str, values: Values | None = None) -> str:
        """Run helm and return what it printed; raise HelmFailed with what it said."""
        homes = {f"HELM_{kind}_HOME": str(self.folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        given = ("--values", "-") if values is not None else ()
        done = subprocess.run(
            [str(self.program), *arguments, *given],
            env={**os.environ, **homes, "KUBECACHEDIR": str(self.folder / "kubectl-cache")},
            input=json.dumps({**self.given, **(values or {})}),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise HelmFailed(f"{done.stdout}{done.stderr}".strip())
        return done.stdout

    def render(self, values: Values | None = None, *flags: str) -> list[Manifest]:
        """Return the manifests of the chart."""
        where = ("--namespace", self.namespace)
        rendered = self("template", self.release, str(self.chart), *where, *flags, values=values or {})
        return [manifest for manifest in yaml.safe_load_all(rendered) if manifest]

    def install(self, cluster: Cluster, values: Values, *flags: str) -> None:
        """Install or upgrade the chart; the values replace those of the release."""
        self(
            "upgrade",
            self.release,
            str(self.chart),
            "--install",
            "--create-namespace",
            "--reset-values",
            *flags,
            *self._where(cluster),
            values=values,
        )

    def upgrade(self, cluster: Cluster, *flags: str) -> None:
        """Upgrade the release; what is not set anew stays."""
        self("upgrade", self.release, str(self.chart), "--reuse-values", *flags, *self._where(cluster))

    def test(self, cluster: Cluster) -> str:
        """Run the tests of the release and return what their pods said; raise HelmFailed."""
        return self("test", self.release, "--logs", "--timeout", "110s", *self._where(cluster))

    def uninstall(self, cluster: Cluster) -> None:
        """Remove the release, if it is there."""
        self("uninstall", self.release, "--ignore-not-found", *self._where(cluster))

    def _where(self, cluster: Cluster) -> tuple[str, ...]:
        config = ("--kubeconfig", str(cluster.kubeconfig), "--kube-context", cluster.context)
        return *config, "--namespace", self.namespace


def kinds(rendered: list[Manifest], kind: str) -> list[Manifest]:
    """Return the manifests of one kind."""
    return [each for each in rendered if each["kind"] == kind]


def one(rendered: list[Manifest], kind: str, name: str) -> Manifest:
    """Return the one manifest with this kind and name."""
    (found,) = [each for each in kinds(rendered, kind) if each["metadata"]["name"] == name]
    return found


def container(deployment: Manifest) -> Manifest:
    """Return the only container of a Deployment."""
    found: Manifest
    (found,) = deployment["spec"]["template"]["spec"]["containers"]
    return found


def sample(schema: Manifest) -> Any:
    """Return a setting's value that is allowed, and none that a number's way of being written could hide."""
    if "enum" in schema:
        return schema["enum"][-1]
    if schema["type"] == "boolean":
        return True
    if schema["type"] == "integer":
        return min(schema.get("maximum", 1_000_000), 1_000_000)
    if schema["type"] == "number":
        return float(max(schema.get("minimum", 0), min(schema["maximum"], 0.75)))
    pattern = schema.get("pattern", "")
    if pattern.startswith("^https?://"):
        return "http://other:4318"
    if group := re.fullmatch(r"\^\((.+)\.\*\)\?\$", pattern):
        return f"{group[1]}-b"
    return schema.get("default") or ("eu." if pattern.startswith("^[A-Za-z0-9._-]") else "shop")
