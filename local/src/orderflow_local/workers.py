"""Which services are scaled on this machine, on whose lag, and within which bounds."""

from dataclasses import dataclass

from orderflow.notifications.settings import NotificationSettings
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.settings import WorkerSettings
from orderflow_local.settings import LocalSettings
from orderflow_operator.spec.streamworker import OffsetReset, Policy
from orderflow_process.settings import load

# Processes start in a second and nobody pays for pods here, so all of it goes faster than in a cluster.
_MAX_LAG_SECONDS = 10.0
_CATCH_UP_SECONDS = 20.0
_LAG_PER_REPLICA = 1_000
_STABILIZATION_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class StreamWorker:
    """A service whose processes follow the lag of its group, as pods do in a cluster."""

    service: str
    group: str
    topic: str
    policy: Policy


def stream_workers(settings: LocalSettings) -> list[StreamWorker]:
    """Return the services that are scaled; raise SettingsError where their own settings are wrong."""
    return [
        _stream_worker(
            "payments",
            load(PaymentSettings),
            "orders",
            settings.payment_workers,
            settings.payment_workers_max,
        ),
        _stream_worker(
            "notifications",
            load(NotificationSettings),
            "payments",
            settings.notification_workers,
            settings.notification_workers_max,
        ),
    ]


def _stream_worker(
    service: str, settings: WorkerSettings, topic: str, fewest: int, most: int
) -> StreamWorker:
    latest = settings.kafka_auto_offset_reset == "latest"
    policy = Policy(
        min_replicas=fewest,
        max_replicas=max(fewest, most, 1),
        max_lag_seconds=_MAX_LAG_SECONDS,
        catch_up_seconds=_CATCH_UP_SECONDS,
        lag_per_replica=_LAG_PER_REPLICA,
        stabilization_window_seconds=_STABILIZATION_SECONDS,
        offset_reset=OffsetReset.LATEST if latest else OffsetReset.EARLIEST,
    )
    return StreamWorker(service, settings.group, settings.topic_prefix + topic, policy)
