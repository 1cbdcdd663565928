"""Spans on their way to a collector, by OpenTelemetry's SDK: in batches, on a thread, with a bounded queue.

Imported only where traces are asked for. A collector that is away costs the spans, nothing else.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Mapping, Sequence
from typing import Any, cast

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from orderflow.observability.encoding import encode
from orderflow.observability.sampling import sampler_of
from orderflow.observability.settings import TraceSettings
from orderflow.observability.spans import Span
from orderflow.observability.tracing import Tracer

_LAST_SPANS_SECONDS = 2.0


class OtelTracer(Tracer):
    """Takes spans that have ended. Safe between threads."""

    def __init__(self, settings: TraceSettings, exporter: SpanExporter) -> None:
        # A full queue is the exporter's trouble, and told by it; not for every span that is lost.
        logging.getLogger("opentelemetry.sdk._shared_internal").setLevel(logging.ERROR)
        self._processor = BatchSpanProcessor(exporter)
        self._samples = sampler_of(settings.otel_traces_sampler, settings.otel_traces_sampler_arg)

    def samples(self, trace_id: int, caller: bool | None) -> bool:
        return self._samples(trace_id, caller)

    def new_id(self, bits: int) -> int:
        return random.getrandbits(bits) or 1

    def take(self, span: Span) -> None:
        # The SDK's spans take fifteen times as long to make. Of ours the processor asks the context alone.
        self._processor.on_end(cast("Any", span))

    def close(self) -> None:
        last = threading.Thread(target=self._processor.shutdown, name="last-spans", daemon=True)
        last.start()
        last.join(_LAST_SPANS_SECONDS)


class _Exporter(OTLPSpanExporter):
    """The library's exporter, with its retries and its OTEL_* settings, for spans of ours."""

    def __init__(self, endpoint: str, resource: Mapping[str, object]) -> None:
        super().__init__(endpoint=endpoint)
        self._described = resource

    def export(self, spans: Sequence[Any]) -> SpanExportResult:
        sent = self._client.export(encode(spans, self._described))
        return SpanExportResult.SUCCESS if sent.success else SpanExportResult.FAILURE


def otlp_tracer(service: str, instance: str, url: str, settings: TraceSettings) -> OtelTracer:
    """Return a tracer that sends to `url`."""
    ours = Resource({"service.name": service, "service.instance.id": instance})
    # What OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say counts for more.
    described = Resource.create().merge(ours).merge(OTELResourceDetector().detect())
    return OtelTracer(settings, _Exporter(url, described.attributes))
