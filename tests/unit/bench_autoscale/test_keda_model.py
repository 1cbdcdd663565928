"""KEDA and the HPA, as published and as measured: a peer that is wrong would flatter us."""

import dataclasses

import pytest

from bench.autoscale.hpa import Hpa, recommended
from bench.autoscale.keda import TUNED, Keda, KedaOptions, metric
from bench.autoscale.scores import back_at, drained, score
from bench.autoscale.simulation import Run, simulate
from bench.autoscale.traces import Burst, steps, trace


@pytest.mark.parametrize(
    ("lag", "partitions", "threshold", "reported"),
    [
        pytest.param(25, 5, 5, 25, id="below the cap it is the lag"),
        pytest.param(26, 5, 5, 26, id="the division rounds down, so one replica too many gets through"),
        pytest.param(29, 5, 5, 29, id="up to a threshold above the cap"),
        pytest.param(30, 5, 5, 25, id="a whole threshold above is cut off"),
        pytest.param(20_000, 12, 100, 1_200, id="a long backlog asks for a replica a partition"),
    ],
)
def test_the_scaler_reports_the_lag_up_to_a_threshold_for_each_partition(
    lag: int, partitions: int, threshold: int, reported: int
) -> None:
    options = KedaOptions(lag_threshold=threshold)
    lags = [lag, *[0] * (partitions - 1)]

    assert metric(lags, options) == reported


def test_six_replicas_for_five_partitions() -> None:
    reported = [metric([lag, 0, 0, 0, 0], KedaOptions(lag_threshold=5)) for lag in range(25, 32)]

    assert [recommended(value, 5, 1) for value in reported] == [5, 6, 6, 6, 6, 5, 5]


@pytest.mark.parametrize(
    ("partitions", "stuck"),
    [(24, range(22, 24)), (64, range(59, 64)), (100, range(91, 100))],
)
def test_the_tolerance_keeps_the_fleet_below_the_partitions_whatever_the_lag(
    partitions: int, stuck: range
) -> None:
    value = metric([10**9, *[0] * (partitions - 1)], KedaOptions())

    kept = [size for size in range(1, partitions) if recommended(value, 100, size) == size]

    assert kept == list(stuck)


@pytest.mark.parametrize(
    ("behavior", "sizes"),
    [
        pytest.param(True, [1, 5, 10, 20, 40, 64], id="policies: the larger of +100 % and +4"),
        pytest.param(False, [1, 4, 8, 16, 32, 64], id="no behavior: twice, at least 4"),
    ],
)
def test_one_to_64_takes_five_ticks(behavior: bool, sizes: list[int]) -> None:
    hpa = Hpa(1, 100, behavior=behavior)
    written = [1]

    for tick in range(5):
        written.append(hpa.sync(tick * 15.0, 64, written[-1]))

    assert written == sizes


def test_down_comes_one_window_after_the_last_high_recommendation() -> None:
    hpa = Hpa(1, 100, window=60, behavior=True)
    hpa.sync(0, 12, 12)

    sizes = [hpa.sync(now, 1, 12) for now in (15, 30, 45, 60)]

    assert sizes == [12, 12, 12, 1]


def test_keda_alone_decides_about_zero_and_always_begins_with_one() -> None:
    idle = dataclasses.replace(
        trace("burst"), rate=steps(50, (10, 0)), seconds=450, bursts=(Burst(400, 20_000),)
    )

    run = simulate(idle, Keda("keda", KedaOptions(min_replicas=0), 12, phase=5))

    assert [(write.before, write.after) for write in run.writes][:4] == [(1, 0), (0, 1), (1, 4), (4, 8)]
    assert run.writes[0].at == pytest.approx(10 + 300, abs=30), "within a poll"


@pytest.fixture(params=[4.0, 6.0, 9.0], scope="module")
def defaults(request: pytest.FixtureRequest) -> Run:
    """KEDA with its defaults, the HPA's tick 4 to 9 s after the burst."""
    return simulate(trace("burst"), Keda("keda", KedaOptions(), 12, request.param))


@pytest.fixture(params=[9.0, 12.0, 14.0], scope="module")
def tuned(request: pytest.FixtureRequest) -> Run:
    """KEDA with a poll of 5 s and a window of 60 s, the HPA's tick 9 to 14 s after the burst."""
    return simulate(trace("burst"), Keda("keda", TUNED, 12, request.param))


def test_the_defaults_write_as_measured(defaults: Run) -> None:
    ups = [write for write in defaults.writes if write.after > write.before]

    assert [write.after for write in ups] == [4, 8, 12]
    assert 4 <= ups[0].at <= 9
    assert [ups[i + 1].at - ups[i].at for i in range(2)] == [15, 15]
    assert 4 <= score(defaults).rebalances <= 5


def test_the_defaults_drain_and_come_back_as_measured(defaults: Run) -> None:
    back = back_at(defaults, 1)

    assert 59 - 3 <= (drained(defaults) or 0) <= 63 + 3
    assert back is not None
    assert 350 - 15 <= back <= 355 + 15
    assert pod_seconds(defaults, back) == pytest.approx(3_950, rel=0.02)


def test_the_tuned_variant_writes_as_measured(tuned: Run) -> None:
    ups = [write for write in tuned.writes if write.after > write.before]

    assert [write.after for write in ups] == [5, 10, 12]
    assert 9 <= ups[0].at <= 14
    assert [ups[i + 1].at - ups[i].at for i in range(2)] == [15, 15]
    assert 4 <= score(tuned).rebalances <= 5


def test_the_tuned_variant_drains_and_comes_back_as_measured(tuned: Run) -> None:
    back = back_at(tuned, 1)

    assert 50 <= (drained(tuned) or 0) <= 63 + 6
    assert back is not None
    assert 99 <= back <= 119
    assert 1_020 - 60 <= pod_seconds(tuned, back) <= 1_110 + 60


def pod_seconds(run: Run, until: float) -> float:
    """Return the pods of a run over time, from the burst on."""
    return sum(point.pods for point in run.points if point.at <= until)
