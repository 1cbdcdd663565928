"""The programs of a Kubernetes cluster, built once on this machine from their Go modules into the cache.

Where no image and no release can be downloaded, a Go toolchain and the module proxy still give the real
thing. Each program ends up as `$XDG_CACHE_HOME/orderflow/<name>-<version>/<name>` (or under `~/.cache`);
a folder with that name is complete: it appears by one rename, under a lock. Versions and checksums stand in
`modules/*/go.mod` and `go.sum`. `python -m deploy.kind.parts` builds what the tests need;
`python -m deploy.kind prepare` what a whole cluster needs.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from orderflow_local.kafka.distribution import cache_dir, locked

GO_AT_LEAST = (1, 24)
BUILD_WITHIN = 1800.0  # seconds; on two busy cores the API server takes five minutes
_MODULES = Path(__file__).with_name("modules")


class PartUnavailable(Exception):
    """A program can neither be found nor built here; the text says what is missing."""


@dataclass(frozen=True)
class Part:
    """One program: the module in `modules/` that pins it, and its package."""

    name: str
    version: str
    module: str
    package: str
    ldflags: str = ""
    tags: str = ""

    @property
    def path(self) -> Path:
        """Where the program is once it has been built."""
        return cache_dir() / f"{self.name}-{self.version}" / self.name


def _kubernetes(name: str) -> Part:
    # Built from a module, a program does not know its version, and charts ask the API server for it.
    stamps = {"gitVersion": "v1.34.2", "gitMajor": "1", "gitMinor": "34"}
    ldflags = " ".join(f"-X k8s.io/component-base/version.{key}={value}" for key, value in stamps.items())
    return Part(name, "1.34.2", "kubernetes", f"k8s.io/kubernetes/cmd/{name}", ldflags)


ETCD = Part("etcd", "3.6.6", "etcd", "go.etcd.io/etcd/server/v3")
API_SERVER = _kubernetes("kube-apiserver")
CONTROLLERS = _kubernetes("kube-controller-manager")
SCHEDULER = _kubernetes("kube-scheduler")
PROXY = _kubernetes("kube-proxy")
KUBELET = _kubernetes("kubelet")
KUBEADM = _kubernetes("kubeadm")
KUBECTL = _kubernetes("kubectl")
COREDNS = Part("coredns", "1.12.4", "coredns", "github.com/coredns/coredns")
PAUSE = Part("pause", "3.10.1", "pause", ".")
KIND = Part("kind", "0.33.0", "kind", "sigs.k8s.io/kind")
_OF_SKAFFOLD = "github.com/GoogleContainerTools/skaffold/v2"
SKAFFOLD = Part(
    "skaffold",
    "2.16.1",
    "skaffold",
    f"{_OF_SKAFFOLD}/cmd/skaffold",
    f"-X {_OF_SKAFFOLD}/pkg/skaffold/version.version=v2.16.1",
)
HELM = Part("helm", "4.3.1", "helm", "helm.sh/helm/v4/cmd/helm")


def _helm_3(version: str) -> Part:
    # Many still have it, and skaffold asks for it. As for Kubernetes, versions are stamped into a release.
    of = "helm.sh/helm/v3"
    stamps = {"pkg/chartutil.k8sVersionMajor": "1", "pkg/chartutil.k8sVersionMinor": "34"}
    stamps |= {"internal/version.version": f"v{version}", "internal/version.metadata": ""}
    ldflags = " ".join(f"-X {of}/{key}={value}" for key, value in stamps.items())
    return Part("helm", version, "helm3", f"{of}/cmd/helm", ldflags)


HELM_3 = _helm_3("3.22.0")
# What it knows of clouds to find targets in is most of the program, and no rule needs it.
PROMTOOL = Part(
    "promtool",
    "3.13.5",
    "promtool",
    "github.com/prometheus/prometheus/cmd/promtool",
    tags="remove_all_sd",
)


def obtain(part: Part, console: Console | None = None) -> Path:
    """Return the built program, building it on the first call on this machine; minutes the first time.

    Raises PartUnavailable without a Go toolchain that is new enough, or when the build fails.
    """
    if not part.path.exists():
        part.path.parent.parent.mkdir(parents=True, exist_ok=True)
        with locked(part.path.parent.with_name(part.path.parent.name + ".lock")):
            if not part.path.exists():
                _build(part, console or Console(stderr=True))
    return part.path


def kubectl(console: Console | None = None) -> Path:
    """Return the kubectl on PATH, else build one."""
    found = shutil.which("kubectl")
    return Path(found) if found else obtain(KUBECTL, console)


def control_plane(console: Console | None = None) -> tuple[Path, Path, Path]:
    """Return etcd, kube-apiserver and kube-controller-manager."""
    return obtain(ETCD, console), obtain(API_SERVER, console), obtain(CONTROLLERS, console)


def find_go() -> str:
    """Return the go command; raise PartUnavailable when there is none that is new enough."""
    # Debian keeps a newer toolchain than its default beside it.
    beside = map(str, Path("/usr/lib").glob("go-1.*/bin/go"))
    for go in filter(None, (shutil.which("go"), "/usr/local/go/bin/go", *beside)):
        if os.access(go, os.X_OK) and _go_version(go) >= GO_AT_LEAST:
            return go
    needed = ".".join(map(str, GO_AT_LEAST))
    raise PartUnavailable(
        f"There is no Go {needed} or newer to build Kubernetes' programs with;"
        " install one (Debian 13: golang), then run this again."
    )


def _go_version(go: str) -> tuple[int, ...]:
    # Asked beside a go.mod, go names the toolchain that it would use there, which it may download.
    where = _MODULES / "kubernetes"
    said = subprocess.run(
        [go, "version"], cwd=where, env=_environment(), capture_output=True, text=True, check=False
    )
    found = re.search(r"\bgo(\d+)\.(\d+)", said.stdout)
    return tuple(map(int, found.groups())) if found else (0,)


def _environment() -> dict[str, str]:
    # One static program, whatever compiler for C is there.
    return {"GOTOOLCHAIN": "auto", **os.environ, "CGO_ENABLED": "0"}


def _build(part: Part, console: Console) -> None:
    go, folder = find_go(), part.path.parent
    started = time.monotonic()
    staging = Path(tempfile.mkdtemp(prefix=f"{part.name}-build-", dir=folder.parent))
    command = [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {part.ldflags}".strip()]
    command += ["-tags", part.tags, "-o", str(staging / "done" / part.name), part.package]
    (staging / "done").mkdir()
    try:
        with console.status(f"Building {part.name} {part.version} from its Go module, once: minutes"):
            built = subprocess.run(
                command,
                cwd=_MODULES / part.module,
                env=_environment(),
                capture_output=True,
                text=True,
                timeout=BUILD_WITHIN,
                check=False,
            )
        if built.returncode != 0:
            raise PartUnavailable(_why(part, built.stderr))
        (staging / "done").rename(folder)
    except subprocess.TimeoutExpired:
        raise PartUnavailable(_why(part, f"not done within {BUILD_WITHIN:.0f} s")) from None
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    console.print(f"Built {part.name} {part.version} in {time.monotonic() - started:.0f} s")


def _why(part: Part, said: str) -> str:
    # What was downloaded comes first, the reason last.
    lines = [line for line in said.splitlines() if not line.startswith("go: downloading")]
    reason = lines[-1].strip() if lines else "the compiler gave no reason"
    return f"{part.name} {part.version} could not be built: {reason[:300]}; see to it, then try again."


def main() -> int:
    """Build what the tests need; what cannot be built is said, and is no failure."""
    obtain_all = (lambda: obtain(HELM), lambda: obtain(HELM_3), lambda: obtain(PROMTOOL))
    for build in (control_plane, kubectl, *obtain_all):
        try:
            build()
        except PartUnavailable as unavailable:
            print(f"{unavailable} Tests that need it will be skipped.", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
