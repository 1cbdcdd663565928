"""What a scaler may see of the simulated fleet, and what it answers.

Times are seconds of simulated time. A scaler keeps its own clocks: it is shown the fleet often and
answers when its own interval has passed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PartitionView:
    """One partition as an Admin client sees it; the committed offset trails what is handled."""

    index: int
    end: int
    committed: int
    owner: str | None

    @property
    def lag(self) -> int:
        """Return the records between the committed offset and the end."""
        return max(0, self.end - self.committed)


@dataclass(frozen=True, slots=True)
class View:
    """The fleet at one moment.

    `status_replicas` counts every pod that is not terminating, so a rollout's surge is in it.
    `partitions` is None while the brokers cannot be read. `handled` (records) and `busy` (seconds of
    work by member) only ever grow; they stand for the metrics that a consumer exports about itself.
    """

    now: float
    spec_replicas: int
    status_replicas: int
    ready_replicas: int
    rolling_out: bool
    stable: bool
    members: int
    partitions: tuple[PartitionView, ...] | None
    handled: float
    busy: Mapping[str, float]

    @property
    def lag(self) -> int:
        """Return the lag of all partitions; only where they can be read."""
        return sum(partition.lag for partition in self.partitions or ())


class Scaler(Protocol):
    """A rule that answers a view with the replicas to write, or None to leave them."""

    name: str

    def observe(self, view: View) -> int | None:
        """Return the new `spec.replicas`, or None when nothing is to be written now."""
        ...


class Clock:
    """Fires once an interval; the phase says when, counted from time 0."""

    def __init__(self, interval: float, phase: float | None = None) -> None:
        self.interval = interval
        # In the middle: time 0 is when the load changes, and nobody shall be lucky.
        self.phase = interval / 2 if phase is None else phase
        self._fired: int | None = None

    def due(self, now: float) -> bool:
        """Return whether a tick has come since the last call that returned True."""
        tick = int((now - self.phase + 1e-9) // self.interval)
        if tick == self._fired:
            return False
        first, self._fired = self._fired is None, tick
        return not first
