"""`orderflow run SERVICE`: one service in the foreground, as a pod or the local supervisor starts it."""

from __future__ import annotations

import typer

from orderflow.analytics.settings import AnalyticsSettings
from orderflow.events.topics import PAYMENTS
from orderflow.notifications.delivery import LogDelivery, SmtpDelivery
from orderflow.notifications.reaction import notification_service
from orderflow.notifications.settings import NotificationSettings
from orderflow.orders.settings import OrdersSettings
from orderflow.payments.door import Door
from orderflow.payments.gateway import SimulatedGateway
from orderflow.payments.ledger import GatewayLedger
from orderflow.payments.metrics import count_payments
from orderflow.payments.reaction import payment_service
from orderflow.payments.settings import PaymentSettings
from orderflow.streaming.process import run_worker
from orderflow.streaming.tail import TailReader
from orderflow_process.flags import command_with_settings
from orderflow_process.logs import configure_logs

run_app = typer.Typer(
    help="Run one service until SIGTERM or Ctrl-C.",
    no_args_is_help=True,
    # For what is said before the settings are known.
    callback=lambda: configure_logs("orderflow", form="auto"),
)


def run_orders(settings: OrdersSettings) -> None:
    # Here and not above: a web framework is half a second and 15 MiB that the other commands do not need.
    from orderflow.orders.run import run as serve_orders

    raise typer.Exit(serve_orders(settings))


def run_payments(settings: PaymentSettings) -> None:
    ledger = settings.payment_gateway_ledger
    gateway = SimulatedGateway(
        success_rate=settings.payment_success_rate,
        error_rate=settings.payment_error_rate,
        latency_seconds=settings.payment_gateway_latency_ms / 1000,
        ledger=GatewayLedger(ledger) if ledger else None,
    )
    size = settings.payment_dedup_window
    service = payment_service(
        gateway,
        unit_price=settings.unit_price,
        concurrency=settings.payment_concurrency,
        memory=Door(size, lambda: TailReader(settings)) if size else None,
        retry_declined=settings.payment_retry_declined,
        committed=count_payments(settings.topic_prefix + PAYMENTS),
    )
    run_worker(service, settings)


def run_notifications(settings: NotificationSettings) -> None:
    way = SmtpDelivery(settings) if settings.smtp_host else LogDelivery()
    service = notification_service(
        way, language=settings.notification_language, concurrency=settings.notification_concurrency
    )
    run_worker(service, settings)


def run_analytics(settings: AnalyticsSettings) -> None:
    # Here and not above: SQLAlchemy and Alembic are half a second that the other commands do not need.
    from orderflow.analytics.run import run

    run(settings)


for name, command in {
    "orders": command_with_settings(
        OrdersSettings, run_orders, "Take orders over HTTP: POST /orders -> orders."
    ),
    "payments": command_with_settings(PaymentSettings, run_payments, "Charge orders: orders -> payments."),
    "notifications": command_with_settings(
        NotificationSettings, run_notifications, "Tell users: payments -> notifications."
    ),
    "analytics": command_with_settings(
        AnalyticsSettings, run_analytics, "Keep tables of all that happens, to be asked about it."
    ),
}.items():
    run_app.command(name)(command)
