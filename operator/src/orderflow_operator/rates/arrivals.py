"""End offsets to records per second: steady means, and steps and bursts told apart. Pure.

The rate is the mean over the longest recent window, a minute at most, whose polls agree with each other.
A poll that disagrees is suspect: it may be the first of a step or a burst. The next poll tells which. If
it agrees with the suspect, a step: the window begins there. If it agrees with the time before, a burst:
its records count as backlog, where they already are, and never as a rate. If it lies higher still, the
suspect saw only the end of its interval in the step: the window begins after it. If it lies between the
two, a burst may be ending: the next poll is asked again.
"""

from __future__ import annotations

from math import sqrt

from msgspec.structs import replace

from orderflow_operator.rates.memory import Mark, Memory, PartitionMemory

WINDOW_SECONDS = 60.0
MARK_SECONDS = 10.0
# A Poisson count leaves four sigma once in 16,000 polls; below a fifth no size depends on it.
SIGMAS = 4.0
SHARE = 0.2
# So many records of a partition weigh as much as the share of the arrivals it had until now.
PRIOR_RECORDS = 20.0

Rows = tuple[PartitionMemory, ...]


def with_arrivals(memory: Memory, rows: Rows, at: float, *, complete: bool) -> tuple[Memory, Rows]:
    """Return memory and rows with the arrivals as of `at`.

    `memory` still holds the rows of the poll before. Without the ends of all partitions (not `complete`)
    the rates stay as they were.
    """
    old = {row.key: row for row in memory.partitions}
    rows = tuple(_carried(row, old.get(row.key)) for row in rows)
    now = Mark(at, tuple(row.end for row in rows))
    if not complete:
        return memory, rows
    marks = memory.marks or _remembered(memory)
    if not _comparable(memory, rows, marks, now):
        return replace(memory, marks=(now,), suspect=False), rows
    marks, suspect = _window(memory, rows, marks, now)
    rows = _rated(rows, marks[0], now, suspect=suspect)
    return replace(memory, marks=_thinned(marks), suspect=suspect), rows


def _carried(row: PartitionMemory, old: PartitionMemory | None) -> PartitionMemory:
    return replace(row, arrival=old.arrival, surge=old.arrival) if old else row


def _remembered(memory: Memory) -> tuple[Mark, ...]:
    """After a restart the window is gone, but not where the logs ended."""
    if memory.sampled_at is None or any(row.at != memory.sampled_at for row in memory.partitions):
        return ()
    return (Mark(memory.sampled_at, tuple(row.end for row in memory.partitions)),)


def _comparable(memory: Memory, rows: Rows, marks: tuple[Mark, ...], now: Mark) -> bool:
    same = [row.key for row in memory.partitions] == [row.key for row in rows]
    if not (marks and same and now.at > marks[-1].at):
        return False
    return all(end >= before for end, before in zip(now.ends, marks[-1].ends, strict=True))


def _window(memory: Memory, rows: Rows, marks: tuple[Mark, ...], now: Mark) -> tuple[tuple[Mark, ...], bool]:
    """Return the marks of the window that ends now, and whether it is only a suspicion."""
    last = marks[-1]
    if len(marks) < 2 or _agrees(last, now, _mean(marks[0], last)):
        return (*marks, now), False
    if not memory.suspect:
        return (last, now), True
    before, first = sum(row.arrival for row in rows), _mean(*marks[-2:])
    between = sorted((before, first, _mean(last, now)))[1] == _mean(last, now)
    return (last, now), between and not _agrees(last, now, before)


def _mean(first: Mark, last: Mark) -> float:
    return (sum(last.ends) - sum(first.ends)) / (last.at - first.at)


def _agrees(last: Mark, now: Mark, mean: float) -> bool:
    expected = mean * (now.at - last.at)
    off = abs(sum(now.ends) - sum(last.ends) - expected)
    return off <= SIGMAS * sqrt(max(expected, 1.0)) or off <= SHARE * expected


def _rated(rows: Rows, first: Mark, now: Mark, *, suspect: bool) -> Rows:
    """Spread the mean over the partitions: by their counts, and where those are few by their share."""
    seconds = now.at - first.at
    counts = [end - start for end, start in zip(now.ends, first.ends, strict=True)]
    total, known = sum(counts), sum(row.arrival for row in rows)
    prior = PRIOR_RECORDS * len(rows) if known > 0 else 0.0
    rated = []
    for row, count in zip(rows, counts, strict=True):
        share = row.arrival / known if known > 0 else 0.0
        rate = total / seconds * (count + prior * share) / (total + prior) if total else 0.0
        rated.append(replace(row, surge=rate, arrival=row.arrival if suspect else rate))
    return tuple(rated)


def _thinned(marks: tuple[Mark, ...]) -> tuple[Mark, ...]:
    if len(marks) >= 3 and marks[-1].at - marks[-3].at <= MARK_SECONDS:
        marks = (*marks[:-2], marks[-1])
    while len(marks) > 2 and marks[1].at <= marks[-1].at - WINDOW_SECONDS:
        marks = marks[1:]
    return marks
