"""Start the Order Service: one process, or several that share a port."""

from __future__ import annotations

import ipaddress
import socket

import structlog

from orderflow.orders.intake import SERVICE
from orderflow.orders.process import serve
from orderflow.orders.settings import OrdersSettings
from orderflow.orders.workers import serve_in_processes
from orderflow_process.logs import configure_logs
from orderflow_process.settings import SettingsError

log = structlog.get_logger(__name__)

_BACKLOG = 2048


def run(settings: OrdersSettings) -> int:
    """Serve until SIGTERM or SIGINT, return the exit code; raise SettingsError if the port cannot be had."""
    configure_logs(SERVICE, settings.log_level, settings.log_format, instance=settings.instance_name)
    listener = _listen(settings.host, settings.api_port)
    if not _is_loopback(listener):
        log.warning("the API is open to the network", host=settings.host, keys_needed=bool(settings.api_keys))
    with listener:
        if settings.api_workers == 1:
            return serve(settings, 0, listener)
        return serve_in_processes(settings, listener)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingsError(
            f"API_PORT={port}: {reason} on {host}; stop what listens there or choose another"
        ) from None
    listener.set_inheritable(True)
    return listener


def _is_loopback(listener: socket.socket) -> bool:
    return ipaddress.ip_address(listener.getsockname()[0]).is_loopback
