"""The decision: learn from a sample, gather the inputs, decide, remember. Pure."""

from __future__ import annotations

from msgspec.structs import replace

from orderflow_operator.rates.effect import opened
from orderflow_operator.rates.learning import learn
from orderflow_operator.rates.memory import LastScale, Memory, Recommendation
from orderflow_operator.rates.samples import Sample
from orderflow_operator.scaling.findings import findings
from orderflow_operator.scaling.holds import Hold, first_hold
from orderflow_operator.scaling.inputs import inputs
from orderflow_operator.scaling.limits import Proposal, proposed, size_to_act_on
from orderflow_operator.scaling.sizing import Size, size_for_arrivals
from orderflow_operator.scaling.types import Decision, Inputs
from orderflow_operator.scaling.words import explained, held
from orderflow_operator.spec.streamworker import Policy


def step(policy: Policy, memory: Memory, sample: Sample) -> tuple[Memory, Decision]:
    """Learn, gather and decide in one; the caller writes if it is told to, and then remembers."""
    memory = learn(policy, memory, sample)
    return memory, decide(inputs(policy, memory, sample))


def decide(inputs: Inputs) -> Decision:
    """Return the decision that these inputs give, today and when they are replayed."""
    hold = first_hold(inputs)
    if inputs.problem is not None or not inputs.loads or not inputs.target.exists:
        return _held(inputs, hold or Hold(reason="LagUnknown", because="nothing was read yet"), None, None)
    size = size_to_act_on(inputs)
    proposal = proposed(inputs, size)
    if hold is None and _only_up(inputs) and proposal.replicas < inputs.current:
        hold = Hold(reason="GroupNotConverging", because=f"{inputs.gate.why}: until then only more")
    return _held(inputs, hold, size, proposal) if hold else _free(inputs, size, proposal)


def remember(memory: Memory, decision: Decision, *, wrote: bool) -> Memory:
    """Return the memory after a decision; `wrote`: the replicas were really written."""
    memory = _with_recommendation(memory, decision)
    before = memory.replicas if memory.replicas is not None else decision.replicas
    if not wrote or before == decision.replicas:
        return memory
    return replace(
        memory,
        replicas=decision.replicas,
        changed_at=decision.at,
        settling=True,
        closed_since=decision.at,
        verification=opened(memory, before, decision.replicas),
        last_scale=LastScale(
            at=decision.at,
            before=before,
            after=decision.replicas,
            reason=decision.reason,
            message=decision.message,
        ),
    )


def _only_up(i: Inputs) -> bool:
    return i.gate.given_up and not i.gate.unready


def _held(i: Inputs, hold: Hold, size: Size | None, proposal: Proposal | None) -> Decision:
    replicas = i.current if hold.replicas is None else hold.replicas
    decision = Decision(
        at=i.at,
        replicas=replicas,
        reason=hold.reason,
        message=held(i, replicas, hold.because, proposal.replicas if proposal else None),
        would_be=proposal.replicas if proposal else None,
        raw=size.raw if size else None,
        recommended=size_for_arrivals(i) if size else None,
        limiters=proposal.limiters if proposal else (),
        write=replicas != i.current,
        findings=findings(i, hold, size),
    )
    return _dry(i, decision)


def _free(i: Inputs, size: Size, proposal: Proposal) -> Decision:
    decision = Decision(
        at=i.at,
        replicas=proposal.replicas,
        reason=proposal.reason,
        message=explained(i, size, proposal.replicas, proposal.limiters),
        would_be=proposal.replicas,
        raw=size.raw,
        recommended=size_for_arrivals(i),
        limiters=proposal.limiters,
        write=proposal.replicas != i.current,
        findings=findings(i, None, size),
    )
    return _dry(i, decision)


def _dry(i: Inputs, decision: Decision) -> Decision:
    if not i.policy.dry_run or not decision.write:
        return decision
    return replace(
        decision,
        replicas=i.current,
        would_be=decision.replicas,
        message=f"dry run, {i.current} stay: {decision.message}",
        write=False,
    )


def _with_recommendation(memory: Memory, decision: Decision) -> Memory:
    """Keep those that no later one outdoes: they only fall, so they are few; learning drops the old."""
    if decision.recommended is None:
        return memory
    kept = tuple(one for one in memory.recommendations if one.replicas > decision.recommended)
    return replace(memory, recommendations=(*kept, Recommendation(decision.at, decision.recommended)))
