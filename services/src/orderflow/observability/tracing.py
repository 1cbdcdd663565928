"""Whether this process makes traces, and what the rest of the code sees of whoever makes them."""

from __future__ import annotations

import os
from typing import Protocol

from orderflow.observability.settings import TraceSettings
from orderflow.observability.spans import Span


class Tracer(Protocol):
    """Makes ids, decides what is sampled, and takes spans that have ended."""

    def samples(self, trace_id: int, caller: bool | None) -> bool:
        """Tell whether a trace is sampled; `caller` says how its caller decided, None: there is none."""

    def new_id(self, bits: int) -> int:
        """Return an id for a trace (128 bits) or a span (64)."""

    def take(self, span: Span) -> None:
        """Queue a span that has ended; where the queue is full the oldest one is lost."""

    def close(self) -> None:
        """Send what is left, for a moment at most."""


def tracer_of(service: str, instance: str, settings: TraceSettings) -> Tracer | None:
    """Return the tracer of this process, None where traces are off."""
    off = settings.otel_traces_sampler == "always_off" or os.environ.get("OTEL_SDK_DISABLED", "") == "true"
    if settings.traces_url is None or off:
        return None
    # Here and not above: the SDK is a quarter of a second and 20 MiB that others do not need.
    from orderflow.observability.tracer import otlp_tracer

    return otlp_tracer(service, instance, settings.traces_url, settings)
