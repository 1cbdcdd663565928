"""Which decision a worker's load leads to, poll by poll, as the loop makes them."""

import math

import msgspec
import pytest
from support.scaled_group import START, Arrivals, Group

from orderflow_operator.rates.memory import Memory
from orderflow_operator.scaling import Decision, Inputs, decide, durable, inputs, learn, step
from orderflow_operator.spec.streamworker import Policy

KNOWN = Memory(rate_per_consumer=100.0, commit_seconds=5.0)
WINDOW = 120.0


def steady(rate: float) -> Arrivals:
    return lambda at: rate


def flaps(group: Group, within: float = WINDOW) -> int:
    """Ups that follow a down within the stabilization window."""
    writes = [(at, after - before) for at, before, after, _ in group.writes]
    return sum(
        1
        for n, (at, change) in enumerate(writes)
        if change > 0 and any(c < 0 and at - then <= within for then, c in writes[:n])
    )


@pytest.mark.parametrize("rate", [35.0, 310.0, 790.0])
def test_a_constant_load_settles_in_three_polls_and_then_nothing_is_written_for_an_hour(rate: float) -> None:
    group = Group(partitions=12, arrivals=steady(rate), memory=KNOWN).run(20)
    analytic = math.ceil(rate / 0.7 / 100)
    useful = min(one for one in (1, 2, 3, 4, 6, 12) if one >= analytic)
    assert all(at <= 15 for at, *_ in group.writes)
    assert group.replicas == useful
    before = len(group.writes)
    group.run(3600)
    assert group.writes[before:] == []


@pytest.mark.parametrize(("partitions", "analytic"), [(60, 45), (48, 45)])
def test_with_many_partitions_the_size_is_the_next_useful_one(partitions: int, analytic: int) -> None:
    group = Group(partitions=partitions, arrivals=steady(3100.0), memory=KNOWN).run(120)
    assert analytic <= group.replicas <= partitions
    assert flaps(group) == 0


def test_a_burst_is_answered_by_one_write_at_the_next_poll_and_one_write_back() -> None:
    policy = Policy(stabilization_window_seconds=60)
    group = Group(policy=policy, arrivals=steady(50.0)).run(60)
    assert group.writes == []
    group.now += 1
    group.burst(20_000)
    group.run(40)
    assert [(before, after) for _, before, after, _ in group.writes] == [(1, 12)]
    assert group.writes[0][0] <= 66
    assert group.lag < 100
    group.run(120)
    assert [after for _, _, after, _ in group.writes] == [12, 1]
    assert group.writes[1][0] - 61 <= 100
    assert 12 * (group.writes[1][0] - group.writes[0][0]) <= 900


def test_without_a_known_rate_a_step_is_first_measured_and_then_answered_at_once() -> None:
    """Two polls of a busy consumer show its rate; the wait ends where the objective is at risk."""
    group = Group(arrivals=lambda at: 700.0 if at > 62 else 90.0).run(120)
    assert [(before, after) for _, before, after, _ in group.writes] == [(1, 12)]
    assert group.writes[0][0] <= 75
    big = Group(arrivals=lambda at: 5000.0 if at > 62 else 90.0).run(120)
    assert big.writes[0][0] <= 70


def test_a_small_burst_is_worked_off_by_those_that_are_there() -> None:
    group = Group(arrivals=steady(50.0), memory=KNOWN).run(60)
    writes = len(group.writes)
    group.burst(1_500)
    group.run(300)
    assert group.writes[writes:] == []


@pytest.mark.parametrize("memory", [Memory(), KNOWN], ids=["rate unknown", "rate known"])
def test_from_zero_to_n_is_one_write(memory: Memory) -> None:
    group = Group(policy=Policy(min_replicas=0), replicas=0, memory=memory).run(30)
    group.burst(30_000)
    group.run(60)
    assert [(before, after) for _, before, after, _ in group.writes] == [(0, 12)]
    assert group.writes[0][0] <= 35


def test_from_n_to_zero_is_one_write_once_nothing_was_to_do_for_a_whole_window() -> None:
    group = Group(policy=Policy(min_replicas=0), replicas=0).run(30)
    group.burst(30_000)
    group.run(60)
    drained = group.now
    group.run(300)
    assert [(before, after) for _, before, after, _ in group.writes] == [(0, 12), (12, 0)]
    assert WINDOW - 45 <= group.writes[1][0] - drained <= WINDOW + 10
    assert group.decisions[-1].reason == "Idle"


def test_a_trickle_keeps_one_replica() -> None:
    group = Group(
        policy=Policy(min_replicas=0), replicas=1, arrivals=lambda at: 400.0 if at % 60 < 0.5 else 0.0
    )
    assert group.run(1200).replicas == 1


def test_a_step_is_one_write_and_its_end_another() -> None:
    group = Group(arrivals=lambda at: 600.0 if 302 <= at < 900 else 100.0, memory=KNOWN).run(1500)
    after_start = [(before, after) for at, before, after, _ in group.writes if at > 100]
    assert after_start == [(2, 12), (12, 2)]
    reacted = next(at for at, *_ in group.writes if at > 302)
    assert reacted <= 312


@pytest.mark.parametrize("period", [300, 450, 900, 1800])
@pytest.mark.parametrize("swing", [100, 300])
def test_no_flaps_on_a_sine(period: int, swing: int) -> None:
    group = Group(arrivals=lambda at: 400 + swing * math.sin(2 * math.pi * at / period), memory=KNOWN).run(
        2 * period + 1200
    )
    assert flaps(group) == 0
    ups = sum(after > before for _, before, after, _ in group.writes)
    assert ups <= 1 + 5 * (2 * period + 1200) / period


@pytest.mark.parametrize("half", [60, 300, 600])
def test_no_flaps_on_a_square(half: int) -> None:
    group = Group(arrivals=lambda at: 600.0 if at // half % 2 else 100.0, memory=KNOWN).run(12 * half + 600)
    assert flaps(group) == 0
    changes = 12 + 600 / half
    assert len(group.writes) <= changes + 1


def test_one_hot_partition_does_not_run_away() -> None:
    weights = (0.9, *(0.1 / 11 for _ in range(11)))
    group = Group(arrivals=steady(500.0), weights=weights, memory=KNOWN).run(1800)
    assert max(after for _, _, after, _ in group.writes) <= 2
    assert len(group.writes) == 1
    assert finding(group.decisions[-1], "HotPartition") == "True"


def finding(decision: Decision, kind: str) -> str:
    """The status of one condition."""
    return next(one.status for one in decision.findings if one.type == kind)


def test_a_capped_downstream_stops_at_the_knee() -> None:
    group = Group(arrivals=steady(500.0), limit=250.0, memory=KNOWN).run(600)
    assert group.replicas == 3
    assert finding(group.decisions[-1], "ScalingIneffective") == "True"
    assert len(group.writes) == 2
    assert "brought" in group.decisions[-1].message


def test_a_capped_downstream_is_tried_again_later_each_time_and_one_size_only() -> None:
    group = Group(arrivals=steady(500.0), limit=250.0, memory=KNOWN).run(3600)
    tries = [(at, after) for at, before, after, _ in group.writes if after > before][1:]
    assert [after for _, after in tries] == [4, 4]
    assert tries[0][0] >= 600
    assert tries[1][0] - tries[0][0] >= 1200


def test_a_downstream_that_recovers_gets_all_that_is_needed() -> None:
    group = Group(arrivals=steady(500.0), limit=250.0, memory=KNOWN).run(300)
    group.limit = 1e9
    group.run(900)
    assert group.lag < 1000
    assert finding(group.decisions[-1], "ScalingIneffective") == "False"


def test_with_one_size_more_that_helps_nothing_is_blocked() -> None:
    group = Group(arrivals=steady(500.0), memory=KNOWN).run(900)
    assert all(finding(one, "ScalingIneffective") == "False" for one in group.decisions)


def test_a_rebalance_writes_nothing_and_is_waited_for() -> None:
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6).run(300)
    writes = len(group.writes)
    group.settled_at, group.busy_until = group.now, group.now + 20
    group.run(15)
    assert {one.reason for one in group.decisions[-3:]} == {"RebalanceInProgress"}
    group.run(600)
    assert group.writes[writes:] == []
    assert 3.0 < group.memory.pause_seconds < 25.0


def test_the_backlog_of_a_scale_down_is_not_a_reason_to_scale_up() -> None:
    """A rebalance of 20 s leaves 20 s of arrivals; the sizes before and after would else take turns."""
    group = Group(arrivals=lambda at: 700.0 if at < 300 else 150.0, memory=KNOWN, rebalance=20.0).run(3600)
    assert flaps(group) == 0
    assert [after for at, _, after, _ in group.writes if at > 300] in ([3], [4, 3])


def test_after_a_write_nothing_is_written_until_the_new_members_are_there() -> None:
    group = Group(arrivals=steady(100.0), memory=KNOWN, starting=40.0, rebalance=5.0).run(30)
    group.burst(9_000)
    group.run(20)
    group.burst(90_000)
    group.run(20)
    (first,) = [at for at, _, after, _ in group.writes if after != 2]
    later = [one for one in group.decisions if one.at > START + first]
    assert {one.reason for one in later} == {"RebalanceInProgress"}
    group.run(40)
    assert group.replicas == 12


def test_a_group_that_never_converges_is_said_and_only_grows() -> None:
    group = Group(arrivals=steady(10.0), memory=KNOWN, replicas=6).run(60)
    memory, seen = group.memory, group.sample()
    odd = msgspec.structs.replace(seen, members=5)
    reasons = []
    for n in range(1, 61):
        memory, decision = step(group.policy, memory, msgspec.structs.replace(odd, at=odd.at + 5 * n))
        reasons.append(decision.reason)
        assert not decision.write
    waited = 5 * reasons.count("RebalanceInProgress")
    assert 60 <= waited <= 90
    assert set(reasons[30:]) == {"GroupNotConverging"}
    assert finding(decision, "GroupNotConverging") == "True"
    many = tuple(msgspec.structs.replace(one, end=90_000, lag=90_000) for one in odd.partitions)
    more = msgspec.structs.replace(odd, at=odd.at + 310, partitions=many)
    assert step(group.policy, memory, more)[1].replicas == 12


def test_pods_that_never_get_ready_do_not_hold_the_others_up() -> None:
    group = Group(arrivals=steady(500.0), memory=KNOWN).run(10)
    assert group.replicas == 12
    group.arrivals = steady(10.0)
    group.settled_at = group.busy_until = 1e9  # none of the new ones ever starts
    group.run(400)
    assert group.ready == 1
    assert [after for _, _, after, _ in group.writes] == [12, 1]


@pytest.mark.parametrize("ready_later", [True, False])
def test_a_broker_failure_writes_nothing(ready_later: bool) -> None:
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6).run(300)
    writes = len(group.writes)
    group.problem = "no broker answered within 10 s"
    group.run(40)
    assert group.decisions[-1].reason == "LagUnknown"
    assert group.decisions[-1].replicas == 6
    assert finding(group.decisions[-1], "MetricsAvailable") == "False"
    assert "for 35 s: no broker answered" in group.decisions[-1].message
    group.problem = None
    group.run(5)
    assert finding(group.decisions[-1], "MetricsAvailable") == "True"
    group.run(600 if ready_later else 5)
    assert group.writes[writes:] == []


def test_a_fallback_only_raises_and_only_after_its_time() -> None:
    policy = msgspec.convert({"fallback": {"replicas": 4, "afterSeconds": 60}}, Policy)
    group = Group(policy=policy, replicas=1).run(10)
    group.problem = "no broker answered"
    group.run(60)
    assert group.writes == []
    group.run(60)
    assert [(before, after, why) for _, before, after, why in group.writes] == [(1, 4, "Fallback")]
    big = Group(policy=policy, replicas=9).run(10)
    big.problem = "no broker answered"
    assert big.run(600).writes == []


def test_an_unknown_partition_is_as_it_was_for_a_minute_and_then_unknown() -> None:
    group = Group(arrivals=steady(100.0), memory=KNOWN, replicas=2).run(120)
    memory, reasons = group.memory, []
    for n in range(1, 16):
        seen = group.sample()
        first = msgspec.structs.replace(seen.partitions[0], end=None, position=None, lag=None)
        seen = msgspec.structs.replace(seen, at=seen.at + 5 * n, partitions=(first, *seen.partitions[1:]))
        memory, decision = step(group.policy, memory, seen)
        reasons.append(decision.reason)
        assert not decision.write
    assert reasons[:12].count("LagUnknown") == 0
    assert reasons[12:] == ["LagUnknown"] * 3
    assert "orders[0] is unknown for 75 s" in decision.message


def test_a_slow_committer_and_a_long_rebalance_are_no_stall() -> None:
    group = Group(arrivals=steady(60.0), replicas=1, commit=60.0).run(600)
    group.settled_at, group.busy_until = group.now, group.now + 30
    group.run(600)
    assert all(finding(one, "PartitionStalled") == "False" for one in group.decisions)
    assert group.memory.commit_seconds is not None
    assert group.memory.commit_seconds >= 55


@pytest.mark.parametrize("commit", [5.0, 15.0, 60.0])
def test_what_rare_commits_do_not_show_yet_is_no_backlog(commit: float) -> None:
    """Up to a minute of arrivals looks like lag: KEDA would scale on it, and exclude it in vain."""
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6, commit=commit).run(400)
    writes = len(group.writes)
    group.run(3600)
    assert group.writes[writes:] == []
    assert group.replicas == 6


def test_a_poison_record_is_a_stall_that_neither_scales_nor_sleeps() -> None:
    group = Group(policy=Policy(min_replicas=0), replicas=1, arrivals=steady(60.0), memory=KNOWN).run(120)
    group.poisoned = frozenset({3})
    group.run(60)
    assert finding(group.decisions[-1], "PartitionStalled") == "True"
    group.arrivals = steady(0.0)
    group.run(900)
    assert group.replicas == 1
    assert max(after for _, _, after, _ in group.writes or [(0, 0, 1, "")]) <= 2


def test_when_nothing_gets_on_nothing_goes_down_and_all_of_it_counts_afterwards() -> None:
    """What is behind all consumers is away: no partition's record is to blame."""
    group = Group(arrivals=steady(250.0), memory=KNOWN, replicas=6).run(300)
    writes = len(group.writes)
    group.poisoned = frozenset(range(12))
    group.run(600)
    assert finding(group.decisions[-1], "PartitionStalled") == "True"
    assert all(after > before for _, before, after, _ in group.writes[writes:])
    group.poisoned = frozenset()
    group.run(30)
    assert not any(row.recovering for row in group.memory.partitions)
    assert group.replicas == 12


def test_what_a_stall_left_behind_is_its_one_consumers_to_work_off() -> None:
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6).run(300)
    writes = len(group.writes)
    group.poisoned = frozenset({3})
    group.run(300)
    group.poisoned = frozenset()
    group.run(30)
    assert group.memory.partitions[3].recovering
    group.run(900)
    assert group.lag < 300
    assert not group.memory.partitions[3].recovering
    assert group.writes[writes:] == []


def test_a_partition_that_waits_its_turn_is_no_stall() -> None:
    """A consumer that works through its partitions one after another, for longer than a stall takes."""
    group = Group(replicas=1, partitions=6, memory=KNOWN, policy=Policy(max_replicas=1)).run(30)
    group.burst(30_000)
    group.run(200)
    assert all(finding(one, "PartitionStalled") == "False" for one in group.decisions)


@pytest.mark.parametrize(
    ("pause", "reason"),
    [
        ({"mode": "Hold"}, "Paused"),
        ({"mode": "At", "replicas": 5}, "Paused"),
        ({"mode": "NoScaleOut"}, "Paused"),
    ],
)
def test_a_pause_forbids_ups_until_it_ends(pause: dict[str, object], reason: str) -> None:
    policy = msgspec.convert({"pause": {**pause, "until": "2001-09-09T01:51:40Z"}}, Policy)
    group = Group(policy=policy, arrivals=steady(500.0), memory=KNOWN).run(295)
    kept = 5 if pause["mode"] == "At" else 1
    assert (group.replicas, group.decisions[-1].reason) == (kept, reason)
    assert group.decisions[-1].would_be == (12 if pause["mode"] != "NoScaleOut" else 1)
    assert finding(group.decisions[-1], "Paused") == "True"
    group.run(30)
    assert group.replicas == 12
    assert finding(group.decisions[-1], "Paused") == "False"


def test_no_scale_in_lets_ups_pass_and_keeps_what_there_is() -> None:
    policy = msgspec.convert({"pause": {"mode": "NoScaleIn", "reason": "sale"}}, Policy)
    group = Group(policy=policy, arrivals=lambda at: 500.0 if at < 100 else 10.0, memory=KNOWN).run(900)
    assert (group.replicas, len(group.writes)) == (12, 1)
    assert (group.decisions[-1].reason, "(sale)" in group.decisions[-1].message) == ("Paused", True)


def test_a_manual_zero_is_respected() -> None:
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6).run(200)
    group.scale(0)
    writes = len(group.writes)
    group.run(600)
    assert group.writes[writes:] == []
    assert group.decisions[-1].reason == "ManualZero"
    group.scale(1)
    group.run(60)
    assert group.replicas > 1


def test_a_manual_zero_may_be_overridden_and_zero_of_ours_is_no_manual_one() -> None:
    policy = msgspec.convert({"manualZero": "Override"}, Policy)
    group = Group(policy=policy, arrivals=steady(300.0), memory=KNOWN, replicas=6).run(200)
    group.scale(0)
    assert group.run(30).replicas == 6
    ours = Group(policy=Policy(min_replicas=0), replicas=2, memory=KNOWN).run(400)
    assert ours.replicas == 0
    ours.burst(5_000)
    assert ours.run(20).replicas > 0


def test_a_rollout_writes_nothing() -> None:
    group = Group(arrivals=steady(300.0), memory=KNOWN, replicas=6).run(300)
    writes = len(group.writes)
    group.rolling_out, group.ready = True, 9  # maxSurge 50 %
    for _ in range(4):
        group.ready = 9
        group.run(20)
    assert group.decisions[-1].reason == "RollingOut"
    group.rolling_out, group.ready = False, 6
    group.run(600)
    assert group.writes[writes:] == []


def test_a_conflict_keeps_hands_off_and_says_whose() -> None:
    group = Group(arrivals=steady(500.0), memory=KNOWN, conflict="HorizontalPodAutoscaler payments").run(300)
    assert group.writes == []
    assert group.decisions[-1].reason == "Conflict"
    assert finding(group.decisions[-1], "Conflict") == "True"
    assert "HorizontalPodAutoscaler payments" in group.decisions[-1].message


def test_topics_that_are_not_ready_hold_back_the_first_worker() -> None:
    group = Group(policy=Policy(min_replicas=0), replicas=0, blocked="topic orders is not ready").run(10)
    group.burst(5_000)
    group.run(60)
    assert group.writes == []
    group.blocked = None
    assert group.run(10).replicas == 6


def test_a_restart_in_a_cooldown_causes_no_early_write() -> None:
    group = Group(arrivals=lambda at: 500.0 if at < 100 else 10.0, memory=KNOWN).run(160)
    written = group.writes[-1][0]
    text = msgspec.json.encode(durable(group.memory))
    group.memory = msgspec.json.decode(text, type=Memory)
    group.run(500)
    down = next(at for at, before, after, _ in group.writes if after < before)
    assert down - written >= WINDOW
    forgetful = Group(arrivals=steady(10.0), replicas=12).run(100)
    assert forgetful.writes == []


def test_a_long_gap_starts_a_fresh_window() -> None:
    group = Group(arrivals=steady(10.0), replicas=12, memory=KNOWN).run(100)
    group.problem = "no broker answered"
    group.run(100)
    group.problem = None
    group.run(WINDOW - 10)
    assert group.writes == []
    assert [after for _, _, after, _ in group.run(60).writes] == [1]


def test_nothing_goes_down_while_it_catches_up() -> None:
    group = Group(arrivals=steady(20.0), replicas=2, memory=KNOWN, policy=Policy(max_replicas=2))
    group.burst(60_000)
    group.run(280)
    assert group.writes == []
    assert group.decisions[-1].would_be == 2
    assert [after for _, _, after, _ in group.run(400).writes] == [1]


def test_an_idle_worker_without_a_known_rate_goes_down_one_size_at_a_time() -> None:
    group = Group(replicas=12, arrivals=steady(30.0)).run(800)
    assert [after for _, _, after, _ in group.writes][:3] == [6, 4, 3]


@pytest.mark.parametrize("memory", [Memory(), KNOWN], ids=["rate unknown", "rate known"])
def test_new_bounds_are_followed_at_the_next_poll(memory: Memory) -> None:
    group = Group(arrivals=steady(10.0), memory=memory).run(30)
    group.policy = Policy(min_replicas=5)
    group.run(5)
    assert group.replicas == 5
    group.policy = Policy(max_replicas=2)
    group.run(15)
    assert group.replicas == 2


def test_a_size_in_between_is_left_alone() -> None:
    group = Group(replicas=7, arrivals=steady(380.0), memory=KNOWN).run(600)
    assert group.writes == []


def test_no_write_leaves_the_busiest_consumer_as_many_partitions() -> None:
    group = Group(arrivals=lambda at: 400 + 390 * math.sin(at / 150), memory=KNOWN).run(3600)
    assert len(group.writes) > 4
    assert all(math.ceil(12 / before) != math.ceil(12 / after) for _, before, after, _ in group.writes)


def test_a_dry_run_decides_all_and_writes_nothing() -> None:
    group = Group(policy=Policy(dry_run=True), arrivals=steady(500.0), memory=KNOWN).run(120)
    last = group.decisions[-1]
    assert group.writes == []
    assert (last.replicas, last.would_be, last.write) == (1, 12, False)
    assert last.message.startswith("dry run, 1 stay: 12 replicas: ")


def test_recorded_inputs_give_the_decision_again() -> None:
    group = Group(arrivals=lambda at: 400 + 390 * math.sin(at / 150), memory=KNOWN)
    group.burst(9_000)
    for n in range(240):
        group.poisoned = frozenset({2}) if n > 80 else frozenset()
        group.problem = "no broker answered" if 150 < n < 160 else None
        sample = group.run(4.5).sample()
        memory = learn(group.policy, group.memory, sample)
        made = inputs(group.policy, memory, sample)
        assert msgspec.json.decode(msgspec.json.encode(made), type=Inputs) == made
        again = msgspec.convert(msgspec.to_builtins(made), Inputs)
        assert decide(again) == decide(made)
        group.run(0.5)


def test_memory_survives_json() -> None:
    group = Group(arrivals=lambda at: 400 + 390 * math.sin(at / 150), limit=300.0, memory=KNOWN).run(900)
    for memory in (group.memory, durable(group.memory)):
        assert msgspec.json.decode(msgspec.json.encode(memory), type=Memory) == memory
        assert msgspec.convert(msgspec.to_builtins(memory), Memory) == memory
    assert len(msgspec.json.encode(durable(group.memory))) < 3_000


def test_a_worker_with_several_consumers_a_pod_counts_pods() -> None:
    policy = Policy(consumers_per_pod=4)
    group = Group(policy=policy, arrivals=steady(420.0), memory=KNOWN).run(300)
    assert group.replicas == 2
    assert "need 1.5 replicas at 400/s" in group.decisions[-1].message
