"""A Deployment and its pods: scaling, start-up time, and a rolling update with surge."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass


@dataclass(slots=True)
class Pod:
    """One pod: it is ready and a member of the group from `ready_at` on.

    `turn` is the partition it is at and `left` the records left of what it fetched of that one.
    """

    name: str
    revision: int
    ready_at: float
    speed: float
    turn: int = -1
    left: float = 0.0
    commit_at: float = float("-inf")
    busy: float = 0.0


class Deployment:
    """Keeps as many pods as `replicas` says; newest and unready pods go first."""

    def __init__(self, replicas: int, start: tuple[float, float], surge: float, seed: int) -> None:
        self.replicas = replicas
        self.pods: list[Pod] = []
        self._start, self._surge = start, surge
        self._chance = random.Random(f"pods {seed}")
        self._revision = 0
        self._created = 0

    def roll_out(self) -> None:
        """Begin a rolling update."""
        self._revision += 1

    def rolling_out(self, now: float) -> bool:
        """Return whether pods of an old revision are left, or new ones not ready since."""
        return self._revision > 0 and (
            any(pod.revision < self._revision for pod in self.pods) or len(self.ready(now)) < len(self.pods)
        )

    def ready(self, now: float) -> list[Pod]:
        """Return the pods that are members of the group."""
        return [pod for pod in self.pods if pod.ready_at <= now]

    def reconcile(self, now: float, *, at_once: bool = False) -> None:
        """Create and remove pods as the Deployment and ReplicaSet controllers would."""
        old = [pod for pod in self.pods if pod.revision < self._revision]
        new = [pod for pod in self.pods if pod.revision == self._revision]
        if not old and len(new) == self.replicas:
            return
        allowed = self.replicas + (math.ceil(self.replicas * self._surge) if old else 0)
        missing = min(self.replicas - len(new), allowed - len(self.pods))
        new.extend(self._create(now, at_once=at_once) for _ in range(missing))
        self.pods = [*old, *new]
        for pod in reversed(new[self.replicas :]):
            self.pods.remove(pod)
        self._retire(old, now, allowed)

    def _retire(self, old: list[Pod], now: float, allowed: int) -> None:
        """Remove old pods as far as enough others are ready; unready ones at once."""
        for pod in sorted(old, key=lambda pod: pod.ready_at, reverse=True):
            enough = len(self.ready(now)) > self.replicas
            if pod.ready_at > now or enough or len(self.pods) > allowed:
                self.pods.remove(pod)

    def _create(self, now: float, *, at_once: bool) -> Pod:
        self._created += 1
        pause, speed = self._chance.uniform(*self._start), self._chance.uniform(0.97, 1.03)
        return Pod(f"worker-{self._created}", self._revision, now if at_once else now + pause, speed)
