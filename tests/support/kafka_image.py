"""Builds the Kafka image of the end-to-end tests: `python -m support.kafka_image NAME:TAG`.

Everything in it comes from where `make up` has its Kafka: jars and JRE of package registries.
"""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orderflow_local.kafka import config, obtain

FOLDER = Path(__file__).parents[1] / "e2e" / "kafka"
BUILD_WITHIN = 600.0  # seconds


def assemble(context: Path) -> None:
    """Put what the Dockerfile copies, and itself, into an empty folder."""
    distribution = obtain()
    shutil.copytree(distribution.java.resolve().parents[1], context / "java")
    shutil.copytree(distribution.home / "libs", context / "libs")
    (context / "orderflow_local" / "kafka").mkdir(parents=True)
    shutil.copyfile(str(config.__file__), context / "orderflow_local" / "kafka" / "config.py")
    for name in ("Dockerfile", "start.py"):
        shutil.copyfile(FOLDER / name, context / name)


def build(image: str, environment: Mapping[str, str] | None = None) -> None:
    """Build the image with the engine of the environment; raise CalledProcessError."""
    with tempfile.TemporaryDirectory(prefix="kafka-image-") as folder:
        context = Path(folder) / "context"
        context.mkdir()
        assemble(context)
        command = ("docker", "build", "--tag", image, str(context))
        subprocess.run(command, env=environment, check=True, timeout=BUILD_WITHIN)


if __name__ == "__main__":
    build(sys.argv[1])
