"""What is asked of this machine before anything starts; each refusal is one sentence."""

import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from orderflow.streaming.admin import (
    BrokerUnavailable,
    TopicRefused,
    create_topics,
    existing_topics,
    pipeline_topics,
)
from orderflow.streaming.clients import new_admin
from orderflow.streaming.settings import KafkaSettings
from orderflow_local import state
from orderflow_local.errors import LocalError
from orderflow_local.layout import DataFolder
from orderflow_local.net import is_free
from orderflow_local.plan import MIB
from orderflow_process.settings import load

CGROUP = Path("/sys/fs/cgroup")


class AlreadyRunning(LocalError):
    """Another supervisor holds the data folder."""


@contextmanager
def locked(folder: DataFolder) -> Iterator[None]:
    """Hold the data folder for this process; the kernel lets go of it, however the process ends."""
    folder.root.mkdir(parents=True, exist_ok=True)
    with folder.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyRunning(_already_running(folder)) from None
        yield


def is_locked(folder: DataFolder) -> bool:
    """Tell whether a supervisor lives."""
    if not folder.lock.exists():
        return False
    with folder.lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _already_running(folder: DataFolder) -> str:
    run = state.load(folder.state)
    who = f" (process {run.supervisor_pid})" if run else ""
    return f"The system in {folder.root} runs already{who}; see `make status`, or stop it with `make down`."


def require_port(name: str, host: str, port: int) -> None:
    """Raise LocalError if somebody listens on the port; `name` is the setting that chooses it."""
    if not is_free(host, port):
        raise LocalError(
            f"Port {port} on {host} is taken{_by_whom(port)}; stop what listens there, or choose another"
            f" port with {name}=..."
        )


def _by_whom(port: int) -> str:
    try:
        for connection in psutil.net_connections(kind="tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    except psutil.Error:
        pass
    return ""


def available_memory() -> int:
    """Return the bytes that can still be had, of the machine or of the container, whichever is less."""
    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (CGROUP / "memory.max").read_text(), (CGROUP / "memory.current").read_text()
        return min(free, int(limit) - int(used))
    except (OSError, ValueError):
        return free


def require_memory(needed: int, available: int) -> None:
    """Raise LocalError if the system would not fit."""
    if available < needed:
        raise LocalError(
            f"Too little memory: {needed // MIB} MiB are needed and {available // MIB} MiB are available;"
            " close something, or lower KAFKA_HEAP, PAYMENT_WORKERS or NOTIFICATION_WORKERS."
        )


def kafka_settings(bootstrap_servers: str) -> KafkaSettings:
    """Return the settings with which topics are listed and created."""
    return load(KafkaSettings, {"kafka_bootstrap_servers": bootstrap_servers})


def confirm_topics(bootstrap_servers: str, yes: bool, ask: Callable[[str], bool] | None) -> None:
    """Name the topics that will be created on the user's broker, and go on only with a yes.

    `ask` is None where nobody can be asked.
    """
    settings = kafka_settings(bootstrap_servers)
    with _speaking_to(bootstrap_servers):
        existing = existing_topics(new_admin(settings))
    missing = [spec for spec in pipeline_topics(settings) if spec.name not in existing]
    if not missing or yes:
        return
    named = ", ".join(f"{spec.name} ({spec.partitions} partitions)" for spec in missing)
    if ask is None:
        raise LocalError(f"These topics would be created on {bootstrap_servers}: {named}; agree with YES=1.")
    if not ask(f"These topics will be created on {bootstrap_servers}: {named}. Go on?"):
        raise LocalError(f"Nothing was created on {bootstrap_servers} and nothing runs.")


def make_topics(bootstrap_servers: str) -> list[str]:
    """Create the topics that are missing and return their names."""
    with _speaking_to(bootstrap_servers):
        return create_topics(kafka_settings(bootstrap_servers))


@contextmanager
def _speaking_to(bootstrap_servers: str) -> Iterator[None]:
    try:
        yield
    except BrokerUnavailable as error:
        raise LocalError(
            f"No broker answers at KAFKA_BOOTSTRAP_SERVERS={bootstrap_servers} ({error}); start it, or unset"
            " the variable to use the embedded one."
        ) from error
    except TopicRefused as error:
        raise LocalError(f"The broker at {bootstrap_servers} refused a topic: {error}.") from error
