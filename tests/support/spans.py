"""A tracer that keeps its spans in memory."""

from __future__ import annotations

from orderflow.observability.sampling import sampler_of
from orderflow.observability.spans import Span
from orderflow.observability.tracing import Tracer


class Kept(Tracer):
    """Keeps spans in memory."""

    def __init__(self, sampler: str = "parentbased_traceidratio", ratio: float = 1.0) -> None:
        self.spans: list[Span] = []
        self._sampler = sampler_of(sampler, ratio)
        self._next = 0

    def samples(self, trace_id: int, caller: bool | None) -> bool:
        return self._sampler(trace_id, caller)

    def new_id(self, bits: int) -> int:
        self._next += 1
        return self._next

    def take(self, span: Span) -> None:
        self.spans.append(span)

    def close(self) -> None:
        pass
