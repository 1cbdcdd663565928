"""Halve the broker's start: let one training run leave the JVM's loaded classes for the next ones.

The broker in training is used, too: a fifth of the processor time of a short life is for classes that only
the first topic, group and transaction load.
"""

import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from rich.console import Console

from orderflow_local.errors import BrokerFailed
from orderflow_local.kafka.broker import DEFAULT_JVM_OPTIONS, Broker
from orderflow_local.kafka.distribution import Distribution, locked

EXERCISE_WITHIN = 60.0  # seconds
TRAINING_STOP_WITHIN = 120.0  # seconds; the archive is written while the process ends


def prepare(distribution: Distribution, console: Console | None = None) -> None:
    """Make the archive unless it is there; a Java that cannot make one only starts more slowly."""
    archive = distribution.quick_start
    if archive.exists() or archive.with_suffix(".none").exists():
        return
    with locked(archive.with_suffix(".lock")):
        if not archive.exists():
            with (console or Console(stderr=True)).status("Preparing Kafka for quick starts (once)"):
                _train(distribution, archive)


def _train(distribution: Distribution, archive: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="quick-start-", dir=distribution.home) as folder:
        fresh = Path(folder) / "classes.aot"
        options = (*DEFAULT_JVM_OPTIONS, f"-XX:AOTCacheOutput={fresh}")
        run = Broker(distribution, Path(folder) / "data", Path(folder) / "logs", jvm_options=options)
        try:
            run.start()
            run.wait_ready()
            _use(run)
            run.stop(TRAINING_STOP_WITHIN)
        except BrokerFailed:
            run.kill()
        if fresh.exists():
            fresh.rename(archive)
        else:
            archive.with_suffix(".none").touch()


def _use(broker: Broker) -> None:
    command = [sys.executable, "-m", "orderflow_local.kafka.exercise", broker.bootstrap_servers]
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(command, capture_output=True, timeout=EXERCISE_WITHIN, check=False)
