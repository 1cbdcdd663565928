"""CRDs of others that our charts can make use of, as their Go modules carry them."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from deploy.kind.parts import PartUnavailable, find_go

_MONITORING = "example/prometheus-operator-crd/monitoring.coreos.com"
_FILES = {
    "sigs.k8s.io/gateway-api@v1.4.0": ("config/crd/standard/gateway.networking.k8s.io_httproutes.yaml",),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        f"{_MONITORING}_podmonitors.yaml",
        f"{_MONITORING}_prometheusrules.yaml",
        f"{_MONITORING}_servicemonitors.yaml",
    ),
}


def foreign_crds(folder: Path) -> Iterator[Path]:
    """Return the files of HTTPRoute, PodMonitor, PrometheusRule and ServiceMonitor; raise PartUnavailable.

    They are downloaded into Go's cache once; `folder` is one without a go.mod.
    """
    go = find_go()
    for module, files in _FILES.items():
        done = subprocess.run(
            [go, "mod", "download", "-json", module],
            cwd=folder,
            env={**os.environ, "GOFLAGS": "-mod=mod"},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if done.returncode != 0:
            raise PartUnavailable(f"the CRDs of {module} cannot be downloaded: {done.stdout or done.stderr}")
        root = Path(json.loads(done.stdout)["Dir"])
        yield from (root / file for file in files)
