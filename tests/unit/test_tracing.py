"""Traces cost nothing where they are off, lose nothing but spans where the collector is away, and say what
OpenTelemetry's own encoder would say."""

import socket
import subprocess
import sys
import time

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind, TraceFlags
from opentelemetry.trace.status import Status, StatusCode
from support.spans import Kept

from orderflow.observability.encoding import encode
from orderflow.observability.requests import RequestSpans
from orderflow.observability.sampling import sampler_of
from orderflow.observability.settings import TraceSettings
from orderflow.observability.spans import Context, Span
from orderflow.observability.traceparent import sampled_in, traceparent_of
from orderflow.observability.tracing import tracer_of
from orderflow_process.settings import load

TRACE = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
SPAN = Span(
    name="process orders",
    kind="consumer",
    context=Context(7, 8),
    parent=Context(7, 9),
    parent_is_remote=True,
    start=1_000,
    end=2_000,
    attributes={"messaging.kafka.offset": 5, "error.type": "GatewayTimeout"},
    common=(("messaging.system", "kafka"),),
    links=(Context(10, 11), Context(12, 13)),
    error="GatewayTimeout",
)


def collected_at(url: str) -> TraceSettings:
    return load(TraceSettings, {"otel_exporter_otlp_endpoint": url})


def test_nobody_imports_the_sdk_unless_traces_are_asked_for() -> None:
    program = (
        "import sys, orderflow.cli.main, orderflow.orders.run, orderflow.streaming.process\n"
        "from orderflow.observability.tracing import tracer_of\n"
        "from orderflow.observability.settings import TraceSettings\n"
        "assert tracer_of('s', 'i', TraceSettings()) is None\n"
        "heavy = tuple(f'opentelemetry.{each}' for each in ('sdk', 'exporter', 'proto')) + ('google',)\n"
        "found = [name for name in sys.modules if name.startswith(heavy)]\n"
        "assert not found, found\n"
    )
    environment = {"PATH": "", "OTEL_EXPORTER_OTLP_HEADERS": "a=b"}
    assert subprocess.run([sys.executable, "-c", program], env=environment, check=False).returncode == 0


@pytest.mark.parametrize("change", [{"otel_traces_sampler": "always_off"}, {"OTEL_SDK_DISABLED": "true"}])
def test_traces_can_be_switched_off_with_a_collector_named(
    change: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in change.items():
        monkeypatch.setenv(name.upper(), value)
    assert tracer_of("s", "i", collected_at("http://127.0.0.1:1")) is None


def test_a_variable_that_is_set_to_nothing_is_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in TraceSettings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    settings = load(TraceSettings)
    assert (settings.otel_exporter_otlp_endpoint, settings.otel_traces_sampler_arg) == (None, 1.0)
    assert settings.otel_traces_sampler == "parentbased_traceidratio"


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({}, None),
        ({"otel_exporter_otlp_endpoint": "http://all:4318/"}, "http://all:4318/v1/traces"),
        ({"otel_exporter_otlp_traces_endpoint": "https://spans/otlp"}, "https://spans/otlp"),
        (
            {
                "otel_exporter_otlp_endpoint": "http://all:4318",
                "otel_exporter_otlp_traces_endpoint": "http://spans:1/v1/traces",
            },
            "http://spans:1/v1/traces",
        ),
    ],
)
def test_traces_go_where_they_alone_go_or_where_everything_goes(
    settings: dict[str, str], url: str | None
) -> None:
    assert load(TraceSettings, settings).traces_url == url


def test_a_request_says_what_the_exporter_s_own_encoder_would_say() -> None:
    sampled = TraceFlags(TraceFlags.SAMPLED)
    theirs = ReadableSpan(
        "process orders",
        context=SpanContext(7, 8, False, sampled),
        parent=SpanContext(7, 9, True, sampled),
        resource=Resource({"service.name": "payment-service"}),
        attributes={**dict(SPAN.common), **SPAN.attributes},
        links=[Link(SpanContext(10, 11, False, sampled)), Link(SpanContext(12, 13, False, sampled))],
        kind=SpanKind.CONSUMER,
        status=Status(StatusCode.ERROR, "GatewayTimeout"),
        start_time=1_000,
        end_time=2_000,
        instrumentation_scope=InstrumentationScope("orderflow"),
    )
    wanted, ours = encode_spans([theirs]), ExportTraceServiceRequest()
    ours.ParseFromString(encode([SPAN], {"service.name": "payment-service"}))
    flags = ours.resource_spans[0].scope_spans[0].spans[0]
    assert flags.flags & 0xFF == 1
    flags.flags &= ~0xFF  # the trace's own, which theirs leaves out
    for link in flags.links:
        link.flags &= ~0xFF
    assert ours == wanted


@pytest.mark.parametrize("ratio", [0.0, 0.01, 0.5, 1.0])
def test_a_ratio_samples_the_traces_that_every_other_program_would(ratio: float) -> None:
    decide, theirs = sampler_of("traceidratio", ratio), TraceIdRatioBased(ratio)
    for trace_id in (1, 1 << 127, (1 << 64) - 1, 0x4BF92F3577B34DA6A3CE929D0E0E4736, 0xFF << 56 | 5, 1 << 57):
        sampled = theirs.should_sample(None, trace_id, "").decision.is_sampled()  # type: ignore[no-untyped-call]
        assert decide(trace_id, None) is sampled
        assert decide(trace_id, not sampled) is sampled


@pytest.mark.parametrize(
    ("sampler", "caller", "sampled"),
    [
        ("parentbased_always_off", True, True),
        ("parentbased_always_off", None, False),
        ("parentbased_always_on", False, False),
        ("parentbased_always_on", None, True),
        ("parentbased_traceidratio", False, False),
        ("always_on", False, True),
        ("always_off", True, False),
    ],
)
def test_the_caller_s_decision_counts_where_the_sampler_is_parent_based(
    sampler: str, caller: bool | None, sampled: bool
) -> None:
    assert sampler_of(sampler, 0.5)(1 << 63 | 5, caller) is sampled


@pytest.mark.parametrize(
    ("value", "found"),
    [(TRACE, TRACE), (TRACE[:-1] + b"0", None), (b"bad1", None), ("00-1", None), (None, None)],
)
def test_a_record_is_traced_if_its_context_is_valid_and_sampled(
    value: bytes | str | None, found: bytes | None
) -> None:
    assert sampled_in([("traceparent", value), ("order_digest", b"1")]) == found
    assert sampled_in([]) is sampled_in(None) is None


def test_a_request_that_nobody_answers_or_that_fails_is_told_as_such() -> None:
    tracer = Kept()
    requests = RequestSpans(tracer, topics=("orders", "order-status"), client_id="orders-0")
    for status in (0, 503, 422):
        span = requests.begin(TRACE)
        assert span is not None
        assert span.traceparent == traceparent_of(span.send)
        span.status = status
        requests.end(span)
    assert [(each.name, each.attributes.get("error.type")) for each in tracer.spans] == [
        ("POST /orders", "client-gone"),
        ("POST /orders", "503"),
        ("POST /orders", None),
    ]
    assert all(each.parent == Context(int(TRACE[3:35], 16), int(TRACE[36:52], 16)) for each in tracer.spans)
    assert requests.begin(TRACE[:-1] + b"0") is None


def test_a_collector_that_is_silent_or_away_holds_up_neither_the_work_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        urls = [f"http://127.0.0.1:{silent.getsockname()[1]}", "http://127.0.0.1:1"]
        for url in urls:
            tracer = tracer_of("payment-service", "payments-0", collected_at(url))
            assert tracer is not None
            started = time.monotonic()
            for _ in range(3_000):  # more than the queue holds
                tracer.take(SPAN)
            assert time.monotonic() - started < 1
            tracer.close()
            assert time.monotonic() - started < 4
