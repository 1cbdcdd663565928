"""What single polls teach, and what they must not."""

from typing import Any

import pytest
from msgspec.structs import replace
from support.scaled_group import Group

from orderflow_lag.observation import (
    GroupObservation,
    GroupState,
    LogRange,
    Member,
    Observation,
    Reset,
    TopicPartition,
    Unreadable,
)
from orderflow_lag.truth import group_lag
from orderflow_operator.rates.memory import LastScale, Memory
from orderflow_operator.rates.settling import bound
from orderflow_operator.scaling import (
    PartitionSample,
    Sample,
    Target,
    decide,
    durable,
    inputs,
    learn,
    remember,
    samples_of,
    step,
    subscription,
)
from orderflow_operator.spec.streamworker import OffsetReset, Policy

P0, P1 = TopicPartition("orders", 0), TopicPartition("orders", 1)


def sample(at: float, *partitions: tuple[int, int], **changes: Any) -> Sample:
    """Partitions are (end, position), all owned by one member of a stable group of one."""
    rows = tuple(
        PartitionSample(
            topic="orders",
            partition=n,
            end=end,
            position=position,
            lag=end - position,
            owner="m",
            committed=position,
        )
        for n, (end, position) in enumerate(partitions)
    )
    values: dict[str, Any] = {"group": "Stable", "members": 1, "target": Target(replicas=1, ready=1)}
    return Sample(at=at, partitions=rows, **{**values, **changes})


def after(*samples: Sample, memory: Memory | None = None, policy: Policy | None = None) -> Memory:
    memory = memory or Memory()
    for one in samples:
        memory = learn(policy or Policy(), memory, one)
    return memory


def test_a_saturated_consumer_shows_its_rate() -> None:
    memory = after(*(sample(1000 + 5 * n, (90_000, 400 * n)) for n in range(4)))
    assert memory.rate_per_consumer == pytest.approx(80)


def test_a_consumer_that_keeps_up_shows_nothing() -> None:
    memory = after(*(sample(1000 + 5 * n, (400 * n + 50, 400 * n)) for n in range(20)))
    assert memory.rate_per_consumer is None


def test_who_keeps_up_with_more_than_its_known_rate_shows_at_least_that() -> None:
    polls = [sample(1000 + 5 * n, (400 * n + 50, 400 * n)) for n in range(20)]
    memory = after(*polls, memory=Memory(rate_per_consumer=2.1))
    assert memory.rate_per_consumer == pytest.approx(40), "80 a second, were all of it done in two polls"
    assert after(*polls, memory=Memory(rate_per_consumer=90.0)).rate_per_consumer == 90.0


def test_a_consumer_that_had_nothing_to_do_in_between_shows_nothing() -> None:
    """The marker behind its last record is lag until it is read; a minute later a burst comes."""
    drained = sample(1005, (101, 100))
    marker_read = replace(drained, partitions=tuple(replace(one, lag=0) for one in drained.partitions))
    idle = [replace(marker_read, at=1010.0 + 5 * n) for n in range(12)]
    memory = after(sample(1000, (100, 90)), drained, *idle, sample(1070, (500, 105)))
    assert memory.rate_per_consumer is None


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"group": "Rebalancing"}, id="in a rebalance"),
        pytest.param({"members": 2}, id="with another member"),
    ],
)
def test_an_unsettled_group_shows_nothing(changes: dict[str, Any]) -> None:
    polls = [sample(1000 + 5 * n, (90_000, 400 * n), **(changes if n % 2 else {})) for n in range(10)]
    assert after(*polls).rate_per_consumer is None


def test_the_poll_after_a_failure_shows_no_rate() -> None:
    known = after(*(sample(1000 + 5 * n, (90_000, 400 * n)) for n in range(4)))
    lost = replace(sample(1020), problem="no broker answered", partitions=())
    back = after(lost, sample(1060, (90_000, 1300)), memory=known)
    assert back.rate_per_consumer == known.rate_per_consumer


def test_a_consumer_stuck_on_one_partition_is_not_slow_on_the_others() -> None:
    """Its backlog is not its own choice, so what little arrives elsewhere is not its rate."""
    polls = [sample(1000 + 5 * n, (50_000, 100), (50 * n + 20, 50 * n)) for n in range(12)]
    assert after(*polls).rate_per_consumer is None


def test_a_consumer_that_takes_its_partitions_in_turn_shows_its_rate_and_no_stall() -> None:
    """As librdkafka does: 2,000 records of one partition, then of the next; 30 s go by without the first."""
    done, polls = [0, 0, 0], []
    for n in range(30):
        polls.append(sample(1000 + 5 * n, *((9000 + 50 * n, one) for one in done)))
        done[n // 4 % 3] += 500
    memory = after(*polls)
    assert memory.rate_per_consumer == pytest.approx(100)
    assert memory.commit_seconds == pytest.approx(5)
    assert not any(row.stalled for row in memory.partitions)


def test_a_rare_committer_shows_the_rate_between_its_commits() -> None:
    polls = [sample(1000 + 5 * n, (900_000, 6000 * (n // 12))) for n in range(60)]
    memory = after(*polls)
    assert memory.rate_per_consumer == pytest.approx(100, rel=0.01)
    assert memory.commit_seconds == pytest.approx(60)


def test_the_rate_stays_while_a_scale_up_is_on_trial() -> None:
    group = Group(arrivals=lambda at: 500.0, limit=250.0, memory=Memory(rate_per_consumer=100.0)).run(5)
    for _ in range(20):
        group.run(5)
        if group.memory.verification:
            assert group.memory.rate_per_consumer == 100.0
    assert group.memory.ceiling


def test_our_own_write_is_awaited_while_the_cluster_still_shows_the_old_replicas() -> None:
    last = LastScale(at=1000.0, before=1, after=6, reason="ScaleUp", message="")
    memory = Memory(replicas=6, settling=True, changed_at=1000.0, last_scale=last, rate_per_consumer=1.0)
    learned = after(sample(1002.0, (90_000, 0)), memory=memory)
    decision = decide(inputs(Policy(), learned, sample(1002.0, (90_000, 0))))
    assert (decision.write, decision.reason) == (False, "RebalanceInProgress")
    assert "not visible yet" in decision.message


def test_a_write_that_failed_is_not_remembered() -> None:
    memory, decision = step(Policy(), Memory(), sample(1000, (9000, 0), (9000, 0)))
    assert decision.write
    assert remember(memory, decision, wrote=False).last_scale is None
    wrote = remember(memory, decision, wrote=True)
    assert wrote.last_scale is not None
    assert (wrote.last_scale.before, wrote.last_scale.after, wrote.replicas) == (1, 2, 2)


def test_the_wait_for_the_group_grows_with_what_it_took_before() -> None:
    assert bound(Memory()) == 60
    assert bound(Memory(pause_seconds=40)) == 160
    assert bound(Memory(settle_seconds=90)) == 180


def test_a_group_that_resets_to_latest_gets_its_baseline_at_the_first_look() -> None:
    policy = Policy(offset_reset=OffsetReset.LATEST)
    memory = after(sample(1000, (70, 70), (30, 30)), sample(1005, (90, 70), (30, 30)), policy=policy)
    assert memory.baselines == {"orders": (70, 30)}
    asked = subscription("g", ["orders"], OffsetReset.LATEST, durable(memory))
    assert (asked.reset, asked.baseline) == (Reset.LATEST, {P0: 70, P1: 30})
    assert asked.known == {P0: 70, P1: 30}
    assert after(sample(1000, (70, 70))).baselines == {}


def test_scale_from_zero_needs_no_commit_with_a_baseline() -> None:
    """latest, never committed: what came after the first look is lag, and wakes the first worker."""
    policy = Policy(min_replicas=0, offset_reset=OffsetReset.LATEST)
    none = Target(replicas=0, ready=0)
    memory, reasons = Memory(), []
    for at, end in ((1000.0, 500), (1005.0, 500), (1010.0, 540)):
        asked = subscription("g", ["orders"], OffsetReset.LATEST, memory)
        empty = GroupObservation("g", GroupState.EMPTY, (), {})
        seen = Observation(at, {"g": empty}, {"orders": 1}, {P0: LogRange(0, end, end)})
        poll = Sample(
            at=at, group="Empty", members=0, partitions=samples_of(group_lag(seen, asked), seen), target=none
        )
        memory, decision = step(policy, memory, poll)
        memory = remember(memory, decision, wrote=decision.write)
        reasons.append((decision.reason, decision.replicas))
    assert reasons == [("Idle", 0), ("Idle", 0), ("ScaleFromZero", 1)]


def test_samples_name_the_owner_and_leave_the_unknown_unknown() -> None:
    member = Member("m-1", "pod-1", "host", frozenset({P0}))
    group = GroupObservation("g", GroupState.STABLE, (member,), {P0: 40})
    logs: dict[TopicPartition, LogRange | Unreadable] = {P0: LogRange(0, 50, 50), P1: Unreadable("no leader")}
    seen = Observation(0.0, {"g": group}, {"orders": 2}, logs)
    first, second = samples_of(group_lag(seen, subscription("g", ["orders"])), seen)
    assert (first.end, first.position, first.lag, first.owner, first.committed) == (50, 40, 10, "m-1", 40)
    assert (second.end, second.position, second.lag, second.owner) == (None, None, None, None)


def test_markers_are_no_activity_once_they_are_read() -> None:
    """The end moves with each transaction; without records behind and without new ends the worker sleeps."""
    policy = Policy(min_replicas=0)
    only_marker = replace(sample(0, (101, 100)).partitions[0], lag=0)
    polls = [replace(sample(1000 + 5 * n, (101, 100)), partitions=(only_marker,)) for n in range(40)]
    memory = after(*polls, policy=policy)
    assert decide(inputs(policy, memory, polls[-1])).replicas == 0


def test_no_partitions_are_not_no_lag() -> None:
    memory, decision = step(Policy(min_replicas=0), Memory(), sample(1000))
    assert (decision.reason, decision.replicas, decision.write) == ("LagUnknown", 1, False)
    assert memory.sampled_at is None


def test_a_missing_target_is_left_missing() -> None:
    gone = replace(sample(1000, (9000, 0)), target=Target(replicas=0, ready=0, exists=False))
    decision = step(Policy(), Memory(), gone)[1]
    assert (decision.reason, decision.write) == ("TargetMissing", False)


def test_a_clock_set_back_is_no_rate() -> None:
    memory = after(
        sample(1000, (100, 0)), sample(1005, (200, 100)), sample(990, (300, 150)), sample(995, (400, 200))
    )
    assert all(row.arrival >= 0 for row in memory.partitions)
    assert memory.throughput >= 0
