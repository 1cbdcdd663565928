"""What became of the orders that were sent. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import quantiles


@dataclass(slots=True)
class Tally:
    """Counts accepted and refused orders; `latencies` are in seconds, of accepted ones."""

    accepted: int = 0
    refused: int = 0
    retried: int = 0
    latencies: list[float] = field(default_factory=list)
    first_refusal: str = ""

    @property
    def done(self) -> int:
        """Return how many orders need no more attention."""
        return self.accepted + self.refused

    def accept(self, seconds: float) -> None:
        """Count an order that Kafka has."""
        self.accepted += 1
        self.latencies.append(seconds)

    def refuse(self, number: int, why: str) -> None:
        """Count an order that was not taken, and keep the first reason."""
        self.refused += 1
        self.first_refusal = self.first_refusal or f"order {number}: {why}"

    def sentence(self, seconds: float) -> str:
        """Return the result for people."""
        rate = self.accepted / seconds if seconds > 0 else 0.0
        text = f"{self.accepted:,} orders accepted in {seconds:.1f} s ({rate:,.0f}/s)"
        if len(self.latencies) > 1:
            cuts = quantiles(self.latencies, n=100)
            text += f", p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms"
        if self.retried:
            text += f", {self.retried:,} sent again"
        return text
