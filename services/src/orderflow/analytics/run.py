"""Start analytics: the loop that reads, with the tables that it fills."""

from __future__ import annotations

from orderflow.analytics.settings import AnalyticsSettings
from orderflow.analytics.store import TableStore
from orderflow.events.groups import ANALYTICS, TOPICS_OF
from orderflow.streaming.process import run_loop
from orderflow.streaming.sink import Sink


def run(settings: AnalyticsSettings) -> None:
    """Run until SIGTERM or SIGINT; raise WorkerStopped or PortTaken if it cannot run."""
    store = TableStore(
        settings.database_url,
        prefix=settings.topic_prefix,
        group=settings.group,
        unit_price=settings.unit_price,
    )
    run_loop(
        ANALYTICS,
        lambda: Sink(
            ANALYTICS, TOPICS_OF[ANALYTICS], store, settings, max_batch=settings.analytics_max_batch
        ),
        settings,
    )
