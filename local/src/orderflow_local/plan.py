"""Which processes make up the system, in which order, with which environment: pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

MIB = 1024 * 1024

# What `make up` changes of the services' defaults, unless the user or a service's env file set it.
SHOWN_AT_WORK: Mapping[str, Mapping[str, str]] = {
    "orders": {},
    # A gateway that answers at once would show a pipeline nobody has.
    "payments": {"PAYMENT_GATEWAY_LATENCY_MS": "20", "PAYMENT_CONCURRENCY": "8"},
    "notifications": {},
    "analytics": {},
}
NOT_PASSED_ON = ("KAFKA_GROUP_ID", "INSTANCE_NAME", "HEALTH_PORT", "HEALTH_HOST")
RUN_ID = "ORDERFLOW_RUN_ID"
DATABASE = "DATABASE_URL"

# Memory, measured with room to spare: the JVM beside its heap, a Python service, and what analytics takes
# beyond that while it works off a backlog.
BROKER_OVERHEAD = 350 * MIB
SERVICE_MEMORY = 110 * MIB
ANALYTICS_BACKLOG = 130 * MIB

FIRST_DELAY = 0.5  # seconds
LONGEST_DELAY = 30.0  # seconds
HEALTHY_AFTER = 60.0  # seconds; whoever ran this long starts with a clean slate


class Tier(IntEnum):
    """The order of stopping: nothing takes new orders while what is underway is finished."""

    API = 0
    WORKER = 1
    BROKER = 2


@dataclass(frozen=True, slots=True)
class Slot:
    """One place for a process of a service; its name stays the same over restarts."""

    name: str
    service: str
    tier: Tier


def slots(payment_workers: int, notification_workers: int) -> list[Slot]:
    """Return a slot for each process of the services, API first."""
    return [
        Slot("orders-0", "orders", Tier.API),
        *_numbered("payments", payment_workers),
        *_numbered("notifications", notification_workers),
        Slot("analytics-0", "analytics", Tier.WORKER),
    ]


def _numbered(service: str, count: int) -> list[Slot]:
    return [Slot(f"{service}-{number}", service, Tier.WORKER) for number in range(count)]


def worker_slots(service: str, running: Iterable[Slot], wanted: int) -> tuple[list[Slot], list[Slot]]:
    """Return which slots of a service to fill and which to empty, so that `wanted` of them run.

    The lowest numbers run: a slot's name is part of its `transactional.id`, and few of these are used.
    """
    now = {slot.name for slot in running if slot.service == service}
    full = _numbered(service, wanted)
    keep = {slot.name for slot in full}
    leave = [slot for slot in running if slot.service == service and slot.name not in keep]
    return [slot for slot in full if slot.name not in now], leave


def environment(
    slot: Slot,
    outer: Mapping[str, str],
    env_file: Mapping[str, str | None],
    *,
    bootstrap_servers: str,
    topic_prefix: str,
    health_port: int,
    run_id: str,
    tables: str,
) -> dict[str, str]:
    """Return the environment of a process: the user's, and what only this run can know.

    `tables` is the database's URL, unless the user or the service's own env file names one. The instance's
    name begins with the topics' prefix: it is part of transactional ids, and two systems on one Kafka would
    fence each other's producers.
    """
    passed = {name: value for name, value in outer.items() if name not in NOT_PASSED_ON}
    ours = {**SHOWN_AT_WORK[slot.service], DATABASE: tables}
    shown = {name: value for name, value in ours.items() if name not in env_file}
    return {
        **shown,
        **passed,
        "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
        "INSTANCE_NAME": topic_prefix + slot.name,
        "HEALTH_HOST": "127.0.0.1",
        "HEALTH_PORT": str(health_port),
        "PYTHONUNBUFFERED": "1",
        RUN_ID: run_id,
    }


def tables_url(env_file: Mapping[str, str | None], file: Path) -> str:
    """Return where the tables are: where the env file of analytics says, which fills them, or in a file.

    The Order Service shows what analytics wrote, so one line in that file is enough for both.
    """
    return env_file.get(DATABASE) or f"sqlite:///{file}"


def restart_delay(failures: int) -> float:
    """Return the seconds to wait before the next start, after so many early ends in a row."""
    return float(min(LONGEST_DELAY, FIRST_DELAY * 2 ** min(failures, 16)))


def failures_in_a_row(before: int, ran_for: float) -> int:
    """Count an end: it follows the earlier ones unless the process had run well."""
    return 0 if ran_for >= HEALTHY_AFTER else before + 1


def heap_bytes(heap: str) -> int:
    """Return the size a JVM option like 512m or 2g asks for."""
    return int(heap[:-1]) * (1024 * MIB if heap[-1] == "g" else MIB)


def memory_needed(heap: str | None, services: int) -> int:
    """Return the bytes this system takes once it works; no heap means no broker of our own."""
    broker = heap_bytes(heap) + BROKER_OVERHEAD if heap else 0
    return broker + services * SERVICE_MEMORY + ANALYTICS_BACKLOG
