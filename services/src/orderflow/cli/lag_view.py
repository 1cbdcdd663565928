"""Lag as tables. Pure: reports in, cells out."""

from __future__ import annotations

from collections.abc import Iterable

from rich.table import Table

from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import GroupState, Unreadable
from orderflow_lag.seconds import LagSeconds
from orderflow_lag.truth import GroupLag, LagReason, PartitionLag
from orderflow_process.output import table

_ORDINARY = {LagReason.CAUGHT_UP, LagReason.BEHIND, LagReason.EMPTY, LagReason.ONLY_MARKERS}


def lag_table(reports: Iterable[GroupReport], by_partition: bool = False) -> Table:
    """Return the lag of groups as a table: a row for each topic, or for each partition."""
    if by_partition:
        columns = ["group", "topic", "partition", "committed", "end", "lag", "seconds", "owner", "why"]
        return table(columns, (row for report in reports for row in _partition_rows(report)))
    columns = ["group", "state", "members", "topic", "lag", "seconds", "note"]
    return table(columns, (row for report in reports for row in _topic_rows(report)))


def _topic_rows(report: GroupReport) -> Iterable[tuple[object, ...]]:
    observed = report.observed
    members: object = "?" if isinstance(observed, Unreadable) else len(observed.members)
    for topic in report.topics or ("",):
        lag = report.lag.of_topic(topic) if topic else report.lag
        note = "; ".join(problem.reason for problem in lag.problems)
        unread = f"at least {lag.known}" if lag.unknown else "unknown"
        yield (
            report.lag.group,
            report.state,
            members,
            topic or "-",
            unread if lag.total is None else lag.total,
            "?" if lag.total is None else _seconds(report.seconds_of(topic)),
            note or _note(report, lag),
        )


def _note(report: GroupReport, lag: GroupLag) -> str:
    if report.state is GroupState.DEAD and all(one.committed is None for one in lag.partitions):
        return "no such group yet"
    return _reasons(lag.partitions)


def _reasons(partitions: Iterable[PartitionLag]) -> str:
    """Name what is out of the ordinary: whole reasons, not each partition."""
    found = {str(lag.reason): lag.detail for lag in partitions if lag.reason not in _ORDINARY}
    return "; ".join(f"{reason} ({detail})" if detail else reason for reason, detail in found.items())


def _partition_rows(report: GroupReport) -> Iterable[tuple[object, ...]]:
    for lag in report.lag.partitions:
        seconds = report.seconds.get(lag.partition)
        yield (
            report.lag.group,
            lag.partition.topic,
            lag.partition.partition,
            "-" if lag.committed is None else lag.committed,
            lag.log.end if lag.log else "?",
            "unknown" if lag.records is None else lag.records,
            _seconds(seconds) if seconds else "?",
            report.owner(lag.partition) or "-",
            f"{lag.reason} ({lag.detail})" if lag.detail else lag.reason,
        )


def group_row(report: GroupReport) -> tuple[object, ...]:
    members: object = "?" if isinstance(report.observed, Unreadable) else len(report.observed.members)
    total = "unknown" if report.lag.total is None else report.lag.total
    return report.lag.group, report.state, members, total, ", ".join(report.topics) or "-"


def member_rows(reports: Iterable[GroupReport]) -> Iterable[tuple[object, ...]]:
    for report in reports:
        observed = report.observed
        if isinstance(observed, Unreadable) or not observed.members:
            yield report.lag.group, report.state, "-", "-", "-"
            continue
        for member in observed.members:
            owned = ", ".join(map(str, sorted(member.assignment)))
            yield report.lag.group, report.state, member.client_id, member.host, owned or "-"


def _seconds(lag: LagSeconds) -> str:
    return f"{'>' if lag.incomplete else ''}{lag.seconds:.1f}"
