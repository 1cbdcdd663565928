"""What the product's own decisions must achieve in the simulator, on traces that take a second or less."""

import dataclasses
import functools

import pytest

from bench.autoscale.contenders import CONTENDERS, KEDA, KEDA_TUNED, OURS, policy
from bench.autoscale.ours import Ours
from bench.autoscale.scores import Score, back_at, beats, drained, score
from bench.autoscale.simulation import Run, simulate
from bench.autoscale.traces import trace


def run_of(name: str, scaler: str = OURS) -> Run:
    """Return a run; every test looks at the same one."""
    return _simulated(name, scaler)


@functools.cache
def _simulated(name: str, scaler: str) -> Run:
    short = dataclasses.replace(trace(name), warm_up=600.0)
    return simulate(short, CONTENDERS[scaler](short))


def score_of(name: str, scaler: str = OURS) -> Score:
    """Return the scores of that run."""
    return score(run_of(name, scaler))


@pytest.mark.parametrize("name", ["sine", "square", "rebalance"])
def test_no_flap(name: str) -> None:
    assert score_of(name).flaps == 0


@pytest.mark.parametrize("name", ["square", "broker", "poison", "rollout", "spike", "sine"])
def test_at_most_one_write_for_each_change_of_the_load(name: str) -> None:
    assert len(run_of(name).writes) <= trace(name).changes, run_of(name).writes


@pytest.mark.parametrize("peer", [KEDA, KEDA_TUNED])
@pytest.mark.parametrize("name", ["square", "spike"])
def test_keda_is_not_better_at_no_more_replica_minutes(name: str, peer: str) -> None:
    assert not beats(score_of(name, peer), score_of(name))


@pytest.mark.parametrize("phase", [0.0, 2.0, 4.0])
def test_the_measured_burst(phase: float) -> None:
    burst = dataclasses.replace(trace("burst"), warm_up=300.0)
    run = simulate(burst, Ours(OURS, policy(burst), phase=phase))
    ups = [write for write in run.writes if write.after > write.before]
    back = back_at(run, 1)

    assert [write.after for write in ups] == [12]
    assert ups[0].at <= 5
    assert (drained(run) or 99) <= 40
    assert back is not None
    assert back <= 100
    assert sum(point.pods for point in run.points if point.at <= back) <= 900


def test_a_capped_downstream_does_not_keep_the_maximum() -> None:
    capped = run_of("capped")

    assert capped.points[400].replicas < 12
    assert capped.pod_seconds < 12 * capped.trace.seconds / 2
