"""`python -m deploy.kind up|down|logs|prepare|engine-up|engine-down`, for `make kind-up` and its neighbours.

AIRGAP=1 builds what is needed even where images can be pulled; DEPLOY=0 stops at the empty cluster.
"""

import os
import sys
from collections.abc import Callable

from rich.console import Console

from deploy.kind import cluster as kind
from deploy.kind import debian, engine, machine, node_image, system
from deploy.kind.cluster import Cluster
from deploy.kind.commands import CommandFailed
from deploy.kind.debian import DebianUnavailable
from deploy.kind.engine import EngineUnavailable
from deploy.kind.machine import MachineLacks
from deploy.kind.parts import PartUnavailable

FAILURES = (CommandFailed, DebianUnavailable, EngineUnavailable, MachineLacks, PartUnavailable)


def up(console: Console) -> None:
    """Make the cluster and deploy everything on it; a cluster that exists gets what has changed."""
    cluster = kind.find(machine.require_engine(), console)
    if cluster.exists():
        _wake(cluster, console)
    airgap = cluster.is_airgap() if cluster.exists() else _create(cluster, console)
    if os.environ.get("DEPLOY") != "0":
        system.deploy(cluster, airgap, console)
    console.print(system.announcement(cluster), markup=False, highlight=False, soft_wrap=True)


def _wake(cluster: Cluster, console: Console) -> None:
    if not cluster.runs() and cluster.is_airgap():
        # Its node image cannot take another address than the one that it was made with.
        console.print(f"The cluster {cluster.context} was stopped; it is made anew.")
        cluster.delete()
        return
    if not cluster.runs():
        cluster.engine("start", cluster.node)
    try:
        cluster.refresh_kubeconfig()
    except CommandFailed:
        console.print(f"The cluster {cluster.context} was left half made; it is made anew.")
        cluster.delete()
    else:
        cluster.wait(console)


def _create(cluster: Cluster, console: Console) -> bool:
    airgap = _wants_airgap(cluster, console)
    cluster.create(console, airgap)
    return airgap


def _wants_airgap(cluster: Cluster, console: Console) -> bool:
    airgap = os.environ.get("AIRGAP") == "1" or kind.needs_airgap(cluster.engine, console)
    if airgap and not cluster.engine.has_image(node_image.image()):
        machine.require_airgap(console)
    return airgap


def prepare(console: Console) -> None:
    """Have everything in place that `up` would build or pull first."""
    cluster = kind.find(machine.require_engine(), console)
    if _wants_airgap(cluster, console):
        node_image.obtain(cluster.engine, console)
        debian.obtain_python(cluster.engine, console)


def down(console: Console) -> None:
    """Remove the cluster with everything on it; images and the engine stay."""
    cluster = kind.find(engine.find(), console)
    if cluster.exists():
        with console.status(f"Deleting the cluster {cluster.context}"):
            cluster.delete()
        console.print(f"Deleted the cluster {cluster.context}; images stay, and so does the engine.")
    else:
        console.print(f"There is no cluster {cluster.context}.")


def logs(console: Console) -> None:
    """Follow what the services and the operator log, until Ctrl-C."""
    cluster = kind.find(engine.find(), console)
    if cluster.exists():
        system.follow_logs(cluster)
    else:
        raise CommandFailed(f"There is no cluster {cluster.context}; make kind-up makes it.")


def engine_up(console: Console) -> None:
    """See to it that an engine answers."""
    found = engine.start_own(console)
    console.print(f"Engine: {found.host or 'the one that docker reaches by itself'}", highlight=False)


def engine_down(console: Console) -> None:
    """Stop our own engine; another one is left alone."""
    stopped = engine.stop_own()
    console.print("Stopped our own engine." if stopped else "No engine of our own runs.")


COMMANDS: dict[str, Callable[[Console], None]] = {
    "up": up,
    "down": down,
    "logs": logs,
    "prepare": prepare,
    "engine-up": engine_up,
    "engine-down": engine_down,
}


def main(words: list[str]) -> int:
    """Run one command and return its exit code; what went wrong is said without a trace."""
    if len(words) != 1 or words[0] not in COMMANDS:
        print(f"usage: python -m deploy.kind {'|'.join(COMMANDS)}", file=sys.stderr)
        return 2
    try:
        COMMANDS[words[0]](Console(stderr=True))
    except FAILURES as failure:
        print(f"orderflow: {failure}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
