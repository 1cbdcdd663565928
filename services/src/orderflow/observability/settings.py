"""Settings of traces, under the names that OpenTelemetry has given them for every program."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from orderflow_process.settings import Settings


class TraceSettings(Settings):
    """Where spans go and how many; the exporter's other OTEL_* variables are read by its library itself."""

    otel_exporter_otlp_endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="Collector that takes traces by OTLP over HTTP: http://host:4318; none: no traces.",
    )
    otel_exporter_otlp_traces_endpoint: str | None = Field(
        None,
        pattern=r"^https?://\S+$",
        description="The same for traces alone, with the whole path: http://host:4318/v1/traces; it wins.",
    )
    otel_traces_sampler: Literal[
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
    ] = Field(
        "parentbased_traceidratio",
        description="Which traces are sampled; `parentbased_`: as the caller's is, if there is one.",
    )
    otel_traces_sampler_arg: float = Field(
        1.0, ge=0, le=1, description="Share of traces that are sampled, for the samplers by ratio."
    )

    @property
    def traces_url(self) -> str | None:
        """Where spans are sent to; None: nowhere."""
        base = self.otel_exporter_otlp_endpoint
        return self.otel_exporter_otlp_traces_endpoint or (base and f"{base.rstrip('/')}/v1/traces")

    @field_validator(
        "otel_exporter_otlp_endpoint",
        "otel_exporter_otlp_traces_endpoint",
        "otel_traces_sampler",
        "otel_traces_sampler_arg",
        mode="before",
    )
    @classmethod
    def _empty_is_unset(cls, value: Any, field: ValidationInfo) -> Any:
        # So OpenTelemetry has it, for variables that a deployment always sets.
        return cls.model_fields[field.field_name or ""].default if value == "" else value
