"""What the figures are held to: ours over theirs, round by round."""

from __future__ import annotations

from dataclasses import dataclass

from bench.contenders import (
    ANALYTICS,
    BARE_INTAKE,
    FASTAPI,
    OUR_API,
    OURS,
    OURS_FORGETFUL,
    OURS_RETRYING,
    OURS_TRACED,
    OURS_TWICE,
    OURS_WAITING,
    QUIX,
    STREAMS,
    STREAMS_TUNED,
)


@dataclass(frozen=True, slots=True)
class Ratio:
    """Ours over theirs in one figure, with the target it is held to (as a sentence)."""

    title: str
    experiment: str
    figure: str
    ours: str
    theirs: str
    target: str


RATIOS = (
    Ratio("rate / Quix Streams", "throughput", "orders_per_second", OURS, QUIX, "at least 1.8"),
    Ratio("the same, without our window", "throughput", "orders_per_second", OURS_FORGETFUL, QUIX, "none"),
    Ratio("rate / warm Kafka Streams", "throughput", "orders_per_second", OURS, STREAMS, "at least 0.6"),
    Ratio("the same, without our window", "throughput", "orders_per_second", OURS_FORGETFUL, STREAMS, "none"),
    Ratio("CPU per order / Kafka Streams", "throughput", "cpu_ms_per_order", OURS, STREAMS, "at most 1"),
    Ratio("the same, without our window", "throughput", "cpu_ms_per_order", OURS_FORGETFUL, STREAMS, "none"),
    Ratio("memory / Kafka Streams", "throughput", "rss_mib", OURS, STREAMS, "at most 0.5"),
    Ratio("two processes / one", "throughput", "orders_per_second", OURS_TWICE, OURS, "at least 1.2"),
    Ratio(
        "rate with 1 % traced / without", "throughput", "orders_per_second",
        OURS_TRACED, OURS, "above 0.97",
    ),
    Ratio("CPU with 1 % traced / without", "throughput", "cpu_ms_per_order", OURS_TRACED, OURS, "below 1.03"),
    Ratio("rate with the window / without", "throughput", "orders_per_second", OURS, OURS_FORGETFUL, "none"),
    Ratio(
        "rate with 1 % retried / without", "throughput", "orders_per_second",
        OURS_RETRYING, OURS, "at least 0.85",
    ),
    Ratio("p99 while one user waits / else", "latency", "p99_ms", OURS_WAITING, OURS, "below 2"),
    Ratio("p99 / Kafka Streams at 10 ms", "latency", "p99_ms", OURS, STREAMS_TUNED, "below 1"),
    Ratio(
        "answers at 256 / FastAPI produce", "http", "requests_per_second",
        f"{OUR_API} 256", f"{FASTAPI} 256", "at least 1.0",
    ),
    Ratio(
        "p50 at 64 / bare transaction", "http", "p50_ms",
        f"{OUR_API} 64", "bare transactions 64", "at most 1.3",
    ),
    Ratio("intake / bare intake", "intake", "records_per_second", ANALYTICS, BARE_INTAKE, "none"),
)  # fmt: skip
