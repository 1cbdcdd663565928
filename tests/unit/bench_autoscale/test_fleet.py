"""The simulated fleet: nothing gets lost, and pods, rebalances and commits take their time."""

import dataclasses

import pytest

from bench.autoscale.arrivals import arrivals
from bench.autoscale.fleet import Fleet
from bench.autoscale.group import assigned, ranges
from bench.autoscale.scores import flaps
from bench.autoscale.simulation import Write, simulate
from bench.autoscale.traces import Burst, Outage, Poison, Rollout, Trace, constant, trace
from bench.autoscale.view import Clock, View


class Writes:
    """Writes given sizes at given times and keeps every view."""

    name = "writes"

    def __init__(self, *sizes: tuple[float, int]) -> None:
        self.sizes = list(sizes)
        self.views: list[View] = []

    def observe(self, view: View) -> int | None:
        self.views.append(view)
        if self.sizes and view.now >= self.sizes[0][0]:
            return self.sizes.pop(0)[1]
        return None


def quiet(**changes: object) -> Trace:
    """Return a short trace of 100 records/s over four partitions, with some fields changed."""
    base = Trace("quiet", "", 300, constant(100), changes=0, initial=2, warm_up=30, partitions=4)
    return dataclasses.replace(base, **changes)  # type: ignore[arg-type]


def test_one_consumer_handles_its_rate_and_no_more() -> None:
    trace = quiet(initial=1, bursts=(Burst(0, 10_000),))
    run = simulate(trace, Writes())

    assert run.points[0].backlog - run.points[-1].backlog == pytest.approx(0, abs=1_200)
    assert run.points[50].backlog == pytest.approx(10_000, abs=400)


def test_the_same_seed_gives_the_same_run() -> None:
    assert simulate(quiet(), Writes((5, 4))).points == simulate(quiet(), Writes((5, 4))).points
    assert list(arrivals(quiet(), 1)) != list(arrivals(quiet(), 2))


def test_a_new_pod_joins_after_its_start_and_what_moves_rests() -> None:
    scaler = Writes((0, 4))
    simulate(quiet(start=(10.0, 10.0), rebalance=7.0), scaler)

    at = {view.now: view for view in scaler.views}
    assert at[9].members == 2
    assert at[12].members == 4
    assert at[9].stable
    assert not at[12].stable
    assert at[19].stable


def test_a_cooperative_rebalance_moves_few_partitions() -> None:
    before = ["a"] * 3 + ["b"] * 3

    after = assigned(before, ["a", "b", "c"])

    assert sorted(owner for owner in after if owner) == ["a", "a", "b", "b", "c", "c"]
    assert sum(a != b for a, b in zip(before, after, strict=True)) == 2


def test_ranges_differ_by_one_at_most() -> None:
    assert ranges(5, ["b", "a"]) == ["a", "a", "a", "b", "b"]
    assert ranges(2, []) == [None, None]


def test_an_eager_rebalance_stops_every_partition() -> None:
    run = simulate(quiet(eager=True, rebalance=20.0, start=(1.0, 1.0)), Writes((10, 4)))
    backlog = {point.at: point.backlog for point in run.points}

    assert backlog[29] - backlog[12] == pytest.approx(17 * 100, rel=0.15)


def test_committed_offsets_trail_what_is_handled() -> None:
    scaler = Writes()
    simulate(quiet(commit=10.0), scaler)

    lags = [view.lag for view in scaler.views if view.now > 0]
    assert max(lags) > 700
    assert min(lags) < 300


def test_a_poisoned_partition_alone_stands_still() -> None:
    scaler = Writes()
    simulate(quiet(poison=Poison(1, 0, 200)), scaler)

    last = next(view for view in scaler.views if view.now == 190)
    assert last.partitions is not None
    assert last.partitions[1].lag == pytest.approx(190 * 25, rel=0.1)
    assert max(one.lag for one in last.partitions if one.index != 1) < 100


def test_a_lost_broker_hides_offsets_and_its_records_come_afterwards() -> None:
    scaler = Writes()
    trace = quiet(outage=Outage(0, 60, (0,)))
    simulate(trace, scaler)

    views = {view.now: view.partitions for view in scaler.views}
    assert views[30] is None
    before, after = views[-1], views[60]
    assert before is not None
    assert after is not None
    assert after[0].end - before[0].end == pytest.approx(60 * 25, rel=0.15)


def test_a_downstream_limit_is_shared() -> None:
    trace = quiet(initial=4, downstream=80.0)
    run = simulate(trace, Writes())

    assert run.points[-1].backlog - run.points[0].backlog == pytest.approx(300 * 20, rel=0.2)


def test_a_rollout_replaces_every_pod_and_surges() -> None:
    scaler = Writes()
    simulate(quiet(initial=4, rollout=Rollout(0)), scaler)

    rolling = [view for view in scaler.views if view.rolling_out]
    assert max(view.status_replicas for view in rolling) == 6
    assert min(view.ready_replicas for view in rolling) >= 4
    assert not scaler.views[-1].rolling_out
    assert set(scaler.views[0].busy).isdisjoint(scaler.views[-1].busy)


def test_flaps_are_writes_up_soon_after_one_down() -> None:
    writes = [Write(0, 2, 6), Write(100, 6, 3), Write(210, 3, 5), Write(700, 5, 6)]

    assert flaps(writes) == 1


def test_a_clock_fires_once_an_interval_at_its_phase() -> None:
    clock = Clock(15, phase=4)

    fired = [now for now in range(-20, 40) if clock.due(now)]

    assert fired == [-11, 4, 19, 34]


def test_zipf_gives_the_first_partition_a_quarter() -> None:
    weights = trace("zipf").weights

    assert weights[0] == pytest.approx(0.265, abs=0.005)
    assert sum(weights) == pytest.approx(1)


def test_every_step_advances_without_losing_a_record() -> None:
    one = quiet(bursts=(Burst(5, 3_000),))
    fleet, total = Fleet(one, 1), 0
    for now, counts in arrivals(one, 1):
        fleet.advance(now, counts)
        total += sum(counts)

    assert fleet.handled + fleet.backlog() == pytest.approx(total, abs=1)
