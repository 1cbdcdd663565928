"""The decision: learn from a sample, gather the inputs, decide, remember. Pure."""

from __future__ import annotations

from orderflow_operator.scaling.memory import Memory
from orderflow_operator.scaling.types import Decision, Inputs, Sample
from orderflow_operator.spec.streamworker import Policy


def inputs(policy: Policy, memory: Memory, sample: Sample) -> Inputs:
    """Return everything a decision needs; `memory` has already learned from `sample`."""
    raise NotImplementedError


def decide(inputs: Inputs) -> Decision:
    """Return the decision that these inputs give, today and when they are replayed."""
    raise NotImplementedError


def remember(memory: Memory, decision: Decision, *, wrote: bool) -> Memory:
    """Return the memory after a decision; `wrote`: the replicas were really written."""
    raise NotImplementedError


def step(policy: Policy, memory: Memory, sample: Sample) -> tuple[Memory, Decision]:
    """Learn, gather and decide in one; the caller writes and then remembers."""
    raise NotImplementedError
