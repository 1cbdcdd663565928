"""What forbids any change; the first one wins. Pure.

Humans and rollouts win over us, and what is not known is not acted on. The order is the order of HOLDS.
"""

from __future__ import annotations

from collections.abc import Callable

from orderflow_operator.rates.samples import Value
from orderflow_operator.scaling.types import Inputs
from orderflow_operator.scaling.words import rfc3339, seconds
from orderflow_operator.spec.streamworker import ManualZero, PauseMode


class Hold(Value, frozen=True, kw_only=True):
    """Why nothing may change; `replicas` is the one size that is asked for all the same."""

    reason: str
    because: str
    replicas: int | None = None


def first_hold(i: Inputs) -> Hold | None:
    """Return the first hold that applies, None if the load may decide."""
    return next((hold for check in HOLDS if (hold := check(i)) is not None), None)


def _target_missing(i: Inputs) -> Hold | None:
    return None if i.target.exists else Hold(reason="TargetMissing", because="there is nothing to scale")


def _conflict(i: Inputs) -> Hold | None:
    return Hold(reason="Conflict", because=f"{i.conflict} scales it too") if i.conflict else None


def _paused(i: Inputs) -> Hold | None:
    pause = i.policy.pause
    if pause is None or pause.mode not in (PauseMode.HOLD, PauseMode.AT) or not pause.active(i.at):
        return None
    return Hold(reason="Paused", because=pause_words(i), replicas=pause.replicas)


def _rolling_out(i: Inputs) -> Hold | None:
    return Hold(reason="RollingOut", because="a rollout is under way") if i.target.rolling_out else None


def _manual_zero(i: Inputs) -> Hold | None:
    ours = i.last_written == 0 or (i.policy.min_replicas == 0 and i.last_written is None)
    if i.current != 0 or ours or i.policy.manual_zero is ManualZero.OVERRIDE:
        return None
    return Hold(reason="ManualZero", because="somebody set it to 0; raise it by hand to have it scaled again")


def _blocked(i: Inputs) -> Hold | None:
    return Hold(reason="Blocked", because=i.blocked) if i.blocked else None


def _unreadable(i: Inputs) -> Hold | None:
    if i.problem is None:
        return None
    because = f"the lag is unknown for {seconds(i.problem_seconds)}: {i.problem}"
    fallback = i.policy.fallback
    if fallback and i.problem_seconds >= fallback.after_seconds and i.current < fallback.replicas:
        return Hold(reason="Fallback", because=because, replicas=fallback.replicas)
    return Hold(reason="LagUnknown", because=because)


def _gate(i: Inputs) -> Hold | None:
    if i.gate.open or i.gate.given_up:
        return None
    waited = f"{i.gate.why}, for {seconds(i.gate.waited)} of at most {seconds(i.gate.bound)}"
    return Hold(reason="RebalanceInProgress", because=waited)


HOLDS: tuple[Callable[[Inputs], Hold | None], ...] = (
    _target_missing,
    _conflict,
    _paused,
    _rolling_out,
    _manual_zero,
    _blocked,
    _unreadable,
    _gate,
)


def pause_words(i: Inputs) -> str:
    """Return an active pause for people: its mode, its end and its reason."""
    pause = i.policy.pause
    if pause is None:
        return "no pause"
    at = f" {pause.replicas}" if pause.mode is PauseMode.AT else ""
    end = pause.ends_at()
    until = f" until {rfc3339(end)}" if end is not None else ""
    reason = f" ({pause.reason})" if pause.reason else ""
    return f"it is paused, mode {pause.mode}{at}{until}{reason}"
