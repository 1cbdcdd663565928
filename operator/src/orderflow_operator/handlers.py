"""kopf's part: it watches, and what it sees goes into the view. It decides nothing and writes nothing.

Event handlers only, so no finalizer, no annotation and no status of kopf's own on any object.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import kopf
from kubernetes.client import Configuration

from orderflow_operator.observe_cluster import KINDS, ClusterView, Kind

# Below these a connection that died in silence would go unnoticed for minutes.
_SERVER_TIMEOUT = 240
_CLIENT_TIMEOUT = 300
_INACTIVITY = 90.0


def registry_for(
    view: ClusterView, configuration: Configuration, changed: Callable[[Kind], None]
) -> kopf.OperatorRegistry:
    """Return kopf's handlers: each feeds the view, and `changed` hears of objects whose spec is new."""
    registry = kopf.OperatorRegistry()
    for kind in KINDS:
        selector = (kind.group, kind.version, kind.plural) if kind.version else (kind.group, kind.plural)
        kopf.on.event(*selector, registry=registry, id=kind.plural)(_feeder(view, kind, changed))

    @kopf.on.login(registry=registry)
    def login(**_: Any) -> kopf.ConnectionInfo:
        return _connection(configuration)

    return registry


def kopf_settings() -> kopf.OperatorSettings:
    """Return settings that leave kopf nothing to write: no peering, no Events."""
    settings = kopf.OperatorSettings()
    settings.peering.standalone = True
    settings.posting.enabled = False
    settings.posting.level = logging.CRITICAL
    settings.watching.server_timeout = _SERVER_TIMEOUT
    settings.watching.client_timeout = _CLIENT_TIMEOUT
    settings.watching.inactivity_timeout = _INACTIVITY
    settings.networking.request_timeout = 30
    return settings


def _feeder(view: ClusterView, kind: Kind, changed: Callable[[Kind], None]) -> Callable[..., None]:
    async def feed(event: Any, **_: Any) -> None:
        if view.tell(kind, event["type"], event["object"]):
            changed(kind)

    return feed  # type: ignore[return-value]


def _connection(configuration: Configuration) -> kopf.ConnectionInfo:
    """Return the connection of the official client in kopf's terms, with the token as it is now."""
    hook = configuration.refresh_api_key_hook
    if hook is not None:
        hook(configuration)
    said = configuration.api_key.get("authorization") or configuration.api_key.get("BearerToken") or ""
    scheme, _, token = said.rpartition(" ")
    return kopf.ConnectionInfo(
        server=configuration.host,
        ca_path=configuration.ssl_ca_cert,
        insecure=not configuration.verify_ssl,
        scheme=(scheme or "Bearer") if token else None,
        token=token or None,
        certificate_path=configuration.cert_file,
        private_key_path=configuration.key_file,
    )
