"""Orderflow's own rule: the operator's decision module, fed as the operator's loop feeds it.

Nothing of the decision is here. What is here is the loop: a poll every five seconds, lag in seconds
from the product's own history of end offsets, the write, and what is remembered after it.
"""

from __future__ import annotations

from bench.autoscale.view import Clock, PartitionView, View
from orderflow_lag.seconds import OffsetHistory, lag_seconds, longest
from orderflow_operator.scaling import Decision, Memory, PartitionSample, Sample, Target, remember, step
from orderflow_operator.spec.streamworker import Policy

POLL_SECONDS = 5.0
TOPIC = "records"
# Simulated times begin before 0, the decision's are seconds since the epoch.
_EPOCH = 1_000_000_000.0


class Ours:
    """A StreamWorker under the operator; keeps its decisions, so that a run can be explained."""

    def __init__(
        self, name: str, policy: Policy, poll: float = POLL_SECONDS, phase: float | None = None
    ) -> None:
        self.name = name
        self.policy = policy
        self.decisions: list[Decision] = []
        self._clock = Clock(poll, phase)
        self._memory = Memory()
        self._histories: dict[int, OffsetHistory] = {}

    def observe(self, view: View) -> int | None:
        """Return the decision's replicas when it asks for a write."""
        if not self._clock.due(view.now):
            return None
        learned, decision = step(self.policy, self._memory, self._sample(view))
        self._memory = remember(learned, decision, wrote=decision.write)
        self.decisions.append(decision)
        return decision.replicas if decision.write else None

    def _sample(self, view: View) -> Sample:
        at = _EPOCH + view.now
        seen = view.partitions or ()
        return Sample(
            at=at,
            group="Stable" if view.stable else "Rebalancing",
            members=view.members,
            partitions=tuple(
                PartitionSample(
                    topic=TOPIC,
                    partition=one.index,
                    end=one.end,
                    position=one.committed,
                    lag=one.lag,
                    owner=one.owner,
                    committed=one.committed,
                )
                for one in seen
            ),
            target=Target(
                replicas=view.spec_replicas, ready=view.ready_replicas, rolling_out=view.rolling_out
            ),
            lag_seconds=self._lag_seconds(seen, at) if seen else None,
            problem=None if seen else "no broker answered",
        )

    def _lag_seconds(self, partitions: tuple[PartitionView, ...], at: float) -> float:
        ages = []
        for one in partitions:
            history = self._histories.get(one.index, OffsetHistory()).sampled(one.end, at)
            self._histories[one.index] = history
            ages.append(lag_seconds(history, one.committed, one.end, at))
        return longest(ages).seconds
