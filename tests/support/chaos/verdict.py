"""What a run must show: what was promised, what the log holds and what became of it are one sum. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from orderflow.verify.report import Report


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was seen besides the log.

    promised: orders that were answered 202. foreign: good orders, and poison: bad records, that were written
    past the API. unanswered: orders that may be in the log although nobody said so. behind: why the groups
    did not get through the log in time, empty if they did. complaints: whatever else must not be.
    """

    promised: int
    foreign: int
    poison: int
    unanswered: int = 0
    behind: str = ""
    complaints: tuple[str, ...] = ()

    @property
    def written(self) -> int:
        """How many orders the log holds for certain."""
        return self.promised + self.foreign + self.poison


def violations(report: Report, seen: Evidence) -> list[str]:
    """Return every way in which a run broke a promise, each in a sentence."""
    return [*_of_the_log(report), *_of_the_sums(report, seen), *seen.complaints]


def _of_the_log(report: Report) -> Iterator[str]:
    for name in ("lost", "duplicated", "out_of_order", "contradictory"):
        if count := getattr(report, name):
            yield f"{count:,} {name.replace('_', ' ')}"


def _of_the_sums(report: Report, seen: Evidence) -> Iterator[str]:
    if seen.behind:
        yield f"the workers did not get through the log: {seen.behind}"
    elif report.in_flight:
        yield f"{report.in_flight:,} orders are in flight, though the groups have no lag"
    if not 0 <= report.accepted - seen.written <= seen.unanswered:
        yield f"the log holds {report.accepted:,} orders, but {seen.written:,} were accepted or written"
    if sum(report.outcomes.values()) != report.accepted:
        yield f"{report.accepted:,} orders have {sum(report.outcomes.values()):,} outcomes"
    if report.rejected != seen.poison and not seen.behind:
        yield f"{report.rejected:,} orders were rejected, but {seen.poison:,} were poison"
