"""What holds on any trace: bounds, holds, replay and restart, whatever happens to the group."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from support.scaled_group import Group

from orderflow_operator.scaling import Inputs, Memory, decide, inputs, learn
from orderflow_operator.spec.streamworker import Policy

EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("rate"), st.sampled_from([0, 3, 40, 300, 2_000])),
        st.tuples(st.just("burst"), st.integers(1, 60_000)),
        st.tuples(st.just("scale"), st.integers(0, 20)),
        st.tuples(st.just("problem"), st.booleans()),
        st.tuples(st.just("rollout"), st.booleans()),
        st.tuples(st.just("poison"), st.integers(0, 5)),
        st.tuples(st.just("limit"), st.sampled_from([50, 400, 10**9])),
        st.tuples(st.just("wait"), st.integers(1, 60)),
    ),
    max_size=12,
)


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Any bounds, any number of consumers a pod."""
    low = draw(st.integers(0, 4))
    return Policy(
        min_replicas=low,
        max_replicas=draw(st.integers(max(1, low), 15)),
        consumers_per_pod=draw(st.sampled_from([1, 1, 3])),
        stabilization_window_seconds=draw(st.sampled_from([0.0, 30.0, 120.0])),
    )


def happen(group: Group, what: str, value: Any) -> None:
    """Let one thing happen to the group."""
    if what == "rate":
        group.arrivals = lambda at: float(value)
    elif what == "burst":
        group.burst(value)
    elif what == "scale":
        group.scale(value)
    elif what == "problem":
        group.problem = "no broker answered" if value else None
    elif what == "rollout":
        group.rolling_out = value
    elif what == "poison":
        group.poisoned = frozenset({value})
    elif what == "limit":
        group.limit = float(value)
    group.run(5.0 * value if what == "wait" else 20.0)


@settings(max_examples=60)
@given(policies(), st.integers(1, 14), EVENTS)
def test_on_any_trace_bounds_and_holds_hold(
    policy: Policy, partitions: int, events: list[tuple[str, Any]]
) -> None:
    group = Group(policy=policy, partitions=max(6, partitions), rate=100.0)
    for what, value in events:
        happen(group, what, value)
    cap = -(-group.partitions // policy.consumers_per_pod)
    for seen, decision in zip(group.samples, group.decisions, strict=True):
        assert decision.replicas >= 0
        if not decision.write:
            assert decision.replicas == seen.target.replicas
            continue
        low = policy.min_replicas
        assert low <= decision.replicas <= min(policy.max_replicas, max(cap, low))
        assert decision.replicas != seen.target.replicas
        assert seen.problem is None
        assert not seen.target.rolling_out


@settings(max_examples=40)
@given(policies(), EVENTS)
def test_on_any_trace_replay_and_restart_change_nothing(
    policy: Policy, events: list[tuple[str, Any]]
) -> None:
    group = Group(policy=policy)
    for what, value in events:
        happen(group, what, value)
        seen = group.sample()
        seen = msgspec.structs.replace(seen, at=seen.at + 1)
        stored = msgspec.json.decode(msgspec.json.encode(group.memory), type=Memory)
        made = inputs(policy, learn(policy, group.memory, seen), seen)
        assert inputs(policy, learn(policy, stored, seen), seen) == made
        assert decide(msgspec.convert(msgspec.to_builtins(made), Inputs)) == decide(made)
