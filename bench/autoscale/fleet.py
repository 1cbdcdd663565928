"""The simulated fleet: partitions, a Deployment and its consumer group, step by step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from bench.autoscale.group import Group
from bench.autoscale.log import Partition
from bench.autoscale.pods import Deployment, Pod
from bench.autoscale.traces import Trace
from bench.autoscale.view import PartitionView, View


class Fleet:
    """Advances in steps of `trace.step`; the same seed and the same writes give the same run."""

    def __init__(self, trace: Trace, seed: int) -> None:
        self.trace = trace
        self.partitions = [Partition(index) for index in range(trace.partitions)]
        surge = trace.rollout.surge if trace.rollout else 0.25
        self.deployment = Deployment(trace.initial, trace.start, surge, seed)
        self.group = Group(self.partitions, trace.rebalance, eager=trace.eager)
        self.handled = 0.0
        self._rolled_out = False
        self.deployment.reconcile(-trace.warm_up, at_once=True)
        self.group.join([pod.name for pod in self.deployment.pods], -trace.warm_up, at_once=True)

    def advance(self, now: float, counts: Sequence[int]) -> None:
        """Let one step pass: records arrive, pods come and go, consumers work and commit."""
        for partition, records in zip(self.partitions, counts, strict=True):
            partition.append(records, now)
        self._disturb(now)
        self.deployment.reconcile(now)
        ready = self.deployment.ready(now)
        self.group.join([pod.name for pod in ready], now)
        self._serve(ready, now)

    def age(self, now: float) -> float:
        """Return the age of the oldest unread record, apart from a poisoned partition's."""
        spoilt = self.trace.poison.partition if self.trace.poison else None
        return max(partition.age(now) for partition in self.partitions if partition.index != spoilt)

    def backlog(self) -> int:
        """Return the records that no consumer has handled."""
        return round(sum(partition.end - partition.position for partition in self.partitions))

    def view(self, now: float) -> View:
        """Return what a scaler may see."""
        ready = self.deployment.ready(now)
        outage = self.trace.outage
        readable = outage is None or not outage.begin <= now < outage.end
        return View(
            now=now,
            spec_replicas=self.deployment.replicas,
            status_replicas=len(self.deployment.pods),
            ready_replicas=len(ready),
            rolling_out=self.deployment.rolling_out(now),
            stable=self.group.stable(now),
            members=len(ready),
            partitions=tuple(
                PartitionView(one.index, one.end, one.committed, one.owner) for one in self.partitions
            )
            if readable
            else None,
            handled=self.handled,
            busy={pod.name: pod.busy for pod in ready},
        )

    def _disturb(self, now: float) -> None:
        poison, outage, rollout = self.trace.poison, self.trace.outage, self.trace.rollout
        if poison:
            self.partitions[poison.partition].poisoned = poison.begin <= now < poison.end
        if outage:
            for index in outage.partitions:
                self.partitions[index].leader = not outage.begin <= now < outage.end
        if rollout and now >= rollout.at and not self._rolled_out:
            self._rolled_out = True
            self.deployment.roll_out()

    def _serve(self, ready: Sequence[Pod], now: float) -> None:
        owned: dict[str | None, list[Partition]] = defaultdict(list)
        for partition in self.partitions:
            owned[partition.owner].append(partition)
        rate = self._rate(ready, owned, now)
        for pod in ready:
            self._work(pod, owned[pod.name], rate * pod.speed, now)
            if now >= pod.commit_at:
                pod.commit_at = now + self.trace.commit
                for partition in owned[pod.name]:
                    partition.commit()

    def _rate(self, ready: Sequence[Pod], owned: dict[str | None, list[Partition]], now: float) -> float:
        """Return one consumer's rate; those with work share what the downstream system can take."""
        if self.trace.downstream is None:
            return self.trace.worker_rate
        working = sum(any(one.waiting(now) for one in owned[pod.name]) for pod in ready)
        return min(self.trace.worker_rate, self.trace.downstream / max(1, working))

    def _work(self, pod: Pod, partitions: Sequence[Partition], rate: float, now: float) -> None:
        """Handle what fits into a step: one fetched piece of a partition after the other."""
        step = self.trace.step
        budget = rate * step
        at = next((place for place, one in enumerate(partitions) if one.index == pod.turn), -1)
        if at < 0:
            pod.left = 0
        for _ in range(len(partitions) + 1 if partitions else 0):
            waiting = partitions[at].waiting(now)
            if pod.left <= 0 or waiting <= 0:
                at = (at + 1) % len(partitions)
                waiting = partitions[at].waiting(now)
                pod.turn, pod.left = partitions[at].index, min(self.trace.fetch, waiting)
            done = min(budget, pod.left, waiting)
            partitions[at].position += done
            budget, pod.left = budget - done, pod.left - done
            if budget <= 1e-9:
                break
        self.handled += rate * step - budget
        pod.busy += step - budget / rate
