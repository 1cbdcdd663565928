"""The supervisor's own endpoint: /decisions, as the operator serves it in a cluster, and /metrics."""

import json
from collections.abc import Callable
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from orderflow_process.endpoint import Endpoint, as_json, metrics

_ANSWER_SECONDS = 2.0
_PATH = "/decisions"


def decisions_endpoint(decisions: Callable[[], list[dict[str, Any]]]) -> Endpoint:
    """Return an endpoint that serves the decisions on a free port of this machine's loopback address."""
    pages = {_PATH: lambda: as_json({"decisions": decisions()}), "/metrics": metrics}
    return Endpoint("127.0.0.1", 0, pages)


def url_of(endpoint: Endpoint) -> str:
    """Return where its decisions are."""
    return f"http://127.0.0.1:{endpoint.port}{_PATH}"


def fetch(url: str) -> list[dict[str, Any]]:
    """Return the last decisions, none where nobody answers."""
    try:
        with urlopen(url, timeout=_ANSWER_SECONDS) as answer:
            found: list[dict[str, Any]] = json.load(answer)["decisions"]
            return found
    except (URLError, OSError, ValueError, KeyError):
        return []
