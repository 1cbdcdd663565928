"""Where the CRDs of Strimzi are: data of another project, so not in this repository."""

import os
from pathlib import Path

import pytest
from support.kube.chart import REPOSITORY

STRIMZI_CRDS = (
    "043-Crd-kafkatopic.yaml",
    "040-Crd-kafka.yaml",
    "044-Crd-kafkauser.yaml",
    "045-Crd-kafkanodepool.yaml",
)


def strimzi_crd_files() -> list[Path]:
    """Return the files in the folder that ORDERFLOW_STRIMZI_CRDS names; skip the test without them."""
    default = REPOSITORY.parent / "shared" / "strimzi-crds"
    folder = Path(os.environ.get("ORDERFLOW_STRIMZI_CRDS") or default)
    files = [folder / name for name in STRIMZI_CRDS]
    if not all(file.is_file() for file in files):
        pytest.skip(f"no CRDs of Strimzi in {folder}; name their folder in ORDERFLOW_STRIMZI_CRDS")
    return files
