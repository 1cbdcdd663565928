"""Reports of lag, made from what a broker would have said."""

from orderflow_lag.monitor import GroupReport
from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    LogRange,
    Member,
    Observation,
    Subscription,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.seconds import LagSeconds
from orderflow_lag.truth import group_lag

P0, P1 = TopicPartition("orders", 0), TopicPartition("orders", 1)


def report(
    logs: dict[TopicPartition, LogRange | Unreadable],
    committed: dict[TopicPartition, int],
    *,
    state: GroupState = GroupState.STABLE,
    observed: GroupObservation | Unreadable | None = None,
) -> GroupReport:
    """Return what there is to tell of payment-service, whose one member owns the first partition."""
    member = Member("m-1", "payments-0", "127.0.0.1", frozenset({P0}))
    group = observed or GroupObservation("payment-service", state, (member,), committed)
    seen = Observation(100.0, {"payment-service": group}, {"orders": len(logs)}, logs)
    lag = group_lag(seen, Subscription("payment-service", frozenset({"orders"})))
    return GroupReport(100.0, group, lag, {P0: LagSeconds(4.25, incomplete=True)})
