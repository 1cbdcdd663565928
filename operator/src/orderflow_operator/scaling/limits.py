"""What bounds a change, in order, each with its reason. Pure.

Up: a second look at a doubtful poll, a pause, the ceiling. Down: the margin, the stabilization window,
no catching up, one size at a time while the rate is unknown, a pause.
"""

from __future__ import annotations

from msgspec.structs import replace

from orderflow_operator.rates.samples import Value
from orderflow_operator.scaling.holds import pause_words
from orderflow_operator.scaling.sizing import (
    Size,
    busiest,
    cap,
    least,
    most,
    options,
    share,
    size_for_less,
    size_now,
)
from orderflow_operator.scaling.types import Inputs, Limiter
from orderflow_operator.scaling.words import count, seconds, too_few
from orderflow_operator.spec.streamworker import PauseMode

# A backlog that takes a quarter of the capacity is catching up, not noise.
CATCH_UP_SHARE = 0.25
LEARNING_POLLS = 3
HOLDING = ("LearningRate", "StabilizationWindow", "CatchingUp", "Paused", "ScalingIneffective")
BOUNDS = (*HOLDING, "HotPartition", "MaxReplicas", "Partitions")


class Proposal(Value, frozen=True, kw_only=True):
    """A number on its way from the raw one to the final one, and what it met."""

    replicas: int
    reason: str = "Steady"
    limiters: tuple[Limiter, ...] = ()

    def limited(self, name: str, after: int, because: str) -> Proposal:
        """Return the proposal after a limiter; one that changes nothing leaves no trace."""
        if after == self.replicas:
            return self
        limiter = Limiter(name=name, before=self.replicas, after=after, because=because)
        return replace(self, replicas=after, reason=name, limiters=(*self.limiters, limiter))


def size_to_act_on(i: Inputs) -> Size:
    """Return the size for now; a doubtful poll counts in full where waiting for the next is a risk."""
    size = size_now(i)
    if not (i.suspect and at_risk(i)):
        return size
    surge = size_now(i, surge=True)
    return surge if surge.replicas > size.replicas else size


def proposed(i: Inputs, size: Size) -> Proposal:
    """Return what the load asks for after all limits; `size` is what it asks for now."""
    if i.current == 0 and i.policy.min_replicas == 0 and i.lag == 0:
        return Proposal(replicas=0, reason="Idle")
    start = _bounded(i, size)
    if _doubtful(i, size):
        because = "the next poll tells a step from a burst"
        return replace(start.limited("ConfirmingArrivals", i.current, because), reason="ConfirmingArrivals")
    proposal = _up(i, start) if size.replicas > i.current else _down(i, start)
    return _named(i, size, _useful(i, _under_ceiling(i, proposal)))


def _bounded(i: Inputs, size: Size) -> Proposal:
    raw, sizes = Proposal(replicas=size.raw), options(i)
    if size.replicas > size.raw:
        if size.replicas > least(i):
            because = too_few(i, size) or "the next size at which the busiest consumer has fewer partitions"
            return raw.limited("UsefulSizes", size.replicas, because)
        name = "MinReplicas" if i.policy.min_replicas else "Activity"
        return raw.limited(name, size.replicas, f"at least {least(i)} while there may be something to do")
    if size.replicas < sizes[-1]:
        return raw.limited("HotPartition", size.replicas, "more would not relieve the busiest consumer")
    if sizes[-1] < most(i):
        return raw.limited("UsefulSizes", size.replicas, f"up to {most(i)} no size is better than this one")
    if i.policy.max_replicas <= cap(i):
        return raw.limited("MaxReplicas", size.replicas, f"maxReplicas is {i.policy.max_replicas}")
    fed = f"{count(len(i.loads), 'partition')} feed at most {cap(i)}"
    return raw.limited("Partitions", size.replicas, fed)


def _doubtful(i: Inputs, size: Size) -> bool:
    """Tell whether more is wanted, on the ground of a single poll that one can afford to wait out."""
    if not i.suspect or i.rate_per_consumer is None or at_risk(i):
        return False
    wanted = max(size.replicas, size_now(i, surge=True).replicas)
    return i.policy.min_replicas <= i.current < wanted


def _up(i: Inputs, proposal: Proposal) -> Proposal:
    if i.rate_per_consumer is None and i.current and (_just_changed(i) or not _late(i)):
        wait = max(i.current, least(i))
        return proposal.limited("LearningRate", wait, "a few polls more show what a consumer can do")
    if _paused(i, PauseMode.NO_SCALE_OUT):
        return proposal.limited("Paused", i.current, pause_words(i))
    return proposal


def _just_changed(i: Inputs) -> bool:
    """Tell whether the group has not yet had the polls that it takes to learn a rate."""
    return i.since_settled is not None and i.since_settled < LEARNING_POLLS * i.interval


def _late(i: Inputs) -> bool:
    """Tell whether the backlog would break the objective even at what the group is seen to commit."""
    return sum(one.backlog for one in i.loads) > i.throughput * i.policy.max_lag_seconds


def at_risk(i: Inputs) -> bool:
    """Tell whether the present size would break the objective if one waited for another poll."""
    if i.rate_per_consumer is None or i.rate_per_consumer <= 0:
        return True
    loads = [0.0 if one.apart else one.backlog + one.surge * i.interval for one in i.loads]
    consumers = max(1, i.current) * i.policy.consumers_per_pod
    return busiest(loads, consumers) / i.rate_per_consumer > i.policy.max_lag_seconds


def _down(i: Inputs, proposal: Proposal) -> Proposal:
    """From here on the number can only be too low: each limit raises it, up to what there is."""
    here = min(i.current, most(i))
    enough = min(here, size_for_less(i).replicas)
    proposal = proposal.limited("Margin", max(proposal.replicas, enough), "fewer need a margin")
    proposal = _idle(i, proposal, here) if _is_idle(i) else _within_window(i, proposal, here)
    if proposal.replicas >= here:
        return proposal
    if why := _too_early(i):
        return proposal.limited("StabilizationWindow", here, why)
    if catching_up(i):
        return proposal.limited("CatchingUp", here, "it is still catching up")
    if _paused(i, PauseMode.NO_SCALE_IN):
        return proposal.limited("Paused", here, pause_words(i))
    return _one_size(i, proposal, here)


def _too_early(i: Inputs) -> str | None:
    window = i.policy.stabilization_window_seconds
    if i.window_seconds < window:
        return f"it has been watched for {seconds(i.window_seconds)} of {seconds(window)}"
    if i.since_change is not None and i.since_change < window:
        return f"the replicas changed {seconds(i.since_change)} ago, within {seconds(window)}"
    return None


def catching_up(i: Inputs) -> bool:
    """Tell whether there is a backlog that the present size was made for."""
    waiting = sum(one.backlog for one in i.loads)
    # The age of a stalled partition's record says nothing about the others.
    stalled = any(one.apart or one.recovering for one in i.loads)
    if waiting and not stalled and (i.lag_seconds or 0.0) > i.policy.max_lag_seconds:
        return True
    if i.rate_per_consumer is None:
        return waiting > CATCH_UP_SHARE * i.current * i.policy.lag_per_replica
    capacity = i.current * i.policy.consumers_per_pod * i.rate_per_consumer
    return waiting / i.policy.catch_up_seconds > CATCH_UP_SHARE * capacity


def _within_window(i: Inputs, proposal: Proposal, here: int) -> Proposal:
    last = f"the last {seconds(i.policy.stabilization_window_seconds)} asked for {i.window_replicas}"
    return proposal.limited("StabilizationWindow", max(proposal.replicas, min(here, i.window_replicas)), last)


def _is_idle(i: Inputs) -> bool:
    """Tell whether zero replicas are allowed and nothing was to do for more than a poll."""
    return i.policy.min_replicas == 0 and i.lag == 0 and i.quiet_seconds > i.interval


def _idle(i: Inputs, proposal: Proposal, here: int) -> Proposal:
    """To zero only when there was nothing at all for a whole window, and from N to zero in one write."""
    window = i.policy.stabilization_window_seconds
    if i.quiet_seconds >= window:
        return proposal.limited("Idle", 0, f"there was nothing to do for {seconds(window)}")
    return proposal.limited("StabilizationWindow", here, f"idle for {seconds(i.quiet_seconds)} only")


def _one_size(i: Inputs, proposal: Proposal, here: int) -> Proposal:
    """While the rate is unknown a smaller size is a guess: one at a time."""
    if i.rate_per_consumer is not None or proposal.replicas == 0:
        return proposal
    step = max((one for one in options(i) if one < here), default=here)
    return proposal.limited(
        "UnknownRate", max(proposal.replicas, step), "one size at a time until it is known"
    )


def _under_ceiling(i: Inputs, proposal: Proposal) -> Proposal:
    """Nothing above the size that more did not help, also not what is there already."""
    if i.ceiling is None:
        return proposal
    kept = i.current if _paused(i, PauseMode.NO_SCALE_IN) else 0
    allowed = max(kept, allowed_by_ceiling(i))
    if proposal.replicas <= allowed:
        return proposal
    return proposal.limited("ScalingIneffective", allowed, i.ceiling.evidence)


def allowed_by_ceiling(i: Inputs) -> int:
    """Return the most that the ceiling allows: a useful size, and one more when a try is due."""
    sizes = options(i)
    if i.ceiling is None:
        return sizes[-1]
    below = [one for one in sizes if one <= i.ceiling.replicas]
    above = [one for one in sizes if i.ceiling.replicas <= one < i.ceiling.tried]
    allowed = above[0] if above else (below[-1] if below else sizes[0])
    if i.ceiling.retry_seconds > 0:
        return allowed
    return next((one for one in sizes if one > allowed), allowed)


def _useful(i: Inputs, proposal: Proposal) -> Proposal:
    """No write that leaves the busiest consumer as many partitions as it has, unless a bound asks for it."""
    within = least(i) <= i.current <= most(i)
    if (
        not within
        or proposal.replicas in (0, i.current)
        or share(i, proposal.replicas) != share(i, i.current)
    ):
        return proposal
    return proposal.limited("UsefulSizes", i.current, "the busiest consumer would have as many partitions")


def _named(i: Inputs, size: Size, proposal: Proposal) -> Proposal:
    """Name the proposal: what it does, or the limiter that keeps things as they are."""
    if proposal.replicas > i.current:
        return replace(proposal, reason="ScaleUp" if i.current else "ScaleFromZero")
    if proposal.replicas < i.current:
        ineffective = proposal.reason == "ScalingIneffective"
        down = "ScaleDown" if proposal.replicas else "ScaleToZero"
        return proposal if ineffective else replace(proposal, reason=down)
    short = not size.fits and size.replicas >= i.current
    kept = proposal.reason in (BOUNDS if short else HOLDING)
    return proposal if kept else replace(proposal, reason="Steady")


def _paused(i: Inputs, mode: PauseMode) -> bool:
    pause = i.policy.pause
    return pause is not None and pause.mode is mode and pause.active(i.at)
