"""Flink's and Numaflow's rules against the worked examples of their own tests and documents."""

import math
from itertools import pairwise

import pytest

from bench.autoscale import flink, numaflow
from bench.autoscale.flink import FlinkOptions, aligned, capacity
from bench.autoscale.numaflow import Numaflow, NumaflowOptions, desired
from bench.autoscale.simulation import simulate
from bench.autoscale.traces import trace


def test_flink_adds_arrival_at_utilization_backlog_and_restart() -> None:
    options = FlinkOptions(catch_up=60, restart=30)

    needed = capacity(1_000, 30_000, options, 0.7, restart=True)

    assert needed == round(30_000 / 60 + 1_000 * 30 / 60 + 1_000 / 0.7) == 2_429
    assert capacity(1_000, 30_000, options, 1.0, restart=False) == 1_500
    assert capacity(1_000, 0, options, 0.0, restart=True) == math.inf


@pytest.mark.parametrize(
    ("wanted", "current", "partitions", "size"),
    [
        pytest.param(5, 1, 12, 6, id="up to the next divisor"),
        pytest.param(13, 5, 24, 24, id="thirteen of 24 is as good as 24"),
        pytest.param(7, 12, 12, 12, id="down never rounds up past the current size"),
        pytest.param(5, 12, 12, 6, id="down to the next divisor above"),
        pytest.param(4, 4, 12, 4, id="no change"),
        pytest.param(6, 2, 13, 13, id="a prime number of partitions knows two sizes"),
    ],
)
def test_flink_spreads_partitions_evenly(wanted: int, current: int, partitions: int, size: int) -> None:
    assert aligned(wanted, current, partitions) == size


def test_flink_with_its_defaults_needs_a_whole_window_after_the_stabilization() -> None:
    run = simulate(trace("step"), flink.Flink("flink", FlinkOptions(), 12))

    assert run.writes[0].at > 0
    assert run.writes[1].at - run.writes[0].at >= 900 + 300


@pytest.mark.parametrize(
    ("pending", "rate", "target", "ready", "current", "size"),
    [
        pytest.param(0, 0.0, 20, 1, 1, 0, id="nothing pending and nothing processed"),
        pytest.param(100, 0.0, 20, 1, 3, 3, id="pending without a rate changes nothing"),
        pytest.param(100, 5.0, 20, 1, 1, 1, id="done in the target time"),
        pytest.param(1, 1_000.0, 20, 1, 1, 1, id="never to zero while a rate is seen"),
        pytest.param(3, 0.01, 1, 5, 5, 3, id="no more replicas than records"),
        pytest.param(100_000, 0.001, 20, 1, 1, 100_000, id="a tiny rate asks for as many as records"),
    ],
)
def test_numaflow_works_off_what_is_pending_in_the_target_time(
    pending: float, rate: float, target: float, ready: int, current: int, size: int
) -> None:
    assert desired(pending, rate, ready, current, target) == size


def test_numaflow_goes_two_replicas_every_90_seconds() -> None:
    run = simulate(trace("step"), Numaflow("numaflow", NumaflowOptions(), 12))

    first = run.writes[:4]

    assert [write.after - write.before for write in first] == [first[0].after - 1, 2, 2, 2]
    assert [b.at - a.at for a, b in pairwise(first)] == [90, 90, 90]


def test_numaflow_tuned_may_jump() -> None:
    run = simulate(trace("burst"), Numaflow("numaflow", numaflow.TUNED, 12))

    assert max(write.after - write.before for write in run.writes) > 2
