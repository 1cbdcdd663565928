"""Which processes `make up` starts, with which environment, and when it starts them again."""

from pathlib import Path

import pytest

from orderflow_local import plan
from orderflow_local.plan import (
    Slot,
    Tier,
    environment,
    failures_in_a_row,
    restart_delay,
    slots,
    tables_url,
    worker_slots,
)

PAYMENTS = Slot("payments-0", "payments", Tier.WORKER)


def rendered(outer: dict[str, str], env_file: dict[str, str | None] | None = None) -> dict[str, str]:
    return environment(
        PAYMENTS,
        outer,
        env_file or {},
        bootstrap_servers="b:1",
        topic_prefix="team.",
        health_port=9,
        run_id="this-run",
        tables="sqlite:////data/tables.db",
    )


def test_every_worker_has_a_slot_with_a_name_of_its_own_and_the_api_comes_first() -> None:
    names = [slot.name for slot in slots(2, 1)]
    assert names == ["orders-0", "payments-0", "payments-1", "notifications-0", "analytics-0"]


@pytest.mark.parametrize(
    ("running", "wanted", "fill", "leave"),
    [
        (["payments-0"], 3, ["payments-1", "payments-2"], []),
        (["payments-0", "payments-1", "payments-2"], 1, [], ["payments-1", "payments-2"]),
        (["payments-1"], 1, ["payments-0"], ["payments-1"]),
        (["payments-0"], 0, [], ["payments-0"]),
        (["payments-0", "payments-1"], 2, [], []),
    ],
)
def test_the_lowest_slots_are_the_ones_that_run(
    running: list[str], wanted: int, fill: list[str], leave: list[str]
) -> None:
    others = [Slot("notifications-7", "notifications", Tier.WORKER), Slot("orders-0", "orders", Tier.API)]
    slots_now = [Slot(name, "payments", Tier.WORKER) for name in running]
    filled, left = worker_slots("payments", slots_now + others, wanted)
    assert ([slot.name for slot in filled], [slot.name for slot in left]) == (fill, leave)


def test_the_api_stops_before_the_workers_and_the_broker_last() -> None:
    assert sorted(Tier) == [Tier.API, Tier.WORKER, Tier.BROKER]


def test_a_process_knows_its_broker_its_name_and_its_health_port() -> None:
    given = rendered({"PATH": "/bin"})
    assert given["KAFKA_BOOTSTRAP_SERVERS"] == "b:1"
    assert (given["INSTANCE_NAME"], given["HEALTH_PORT"], given["PATH"]) == ("team.payments-0", "9", "/bin")
    assert given[plan.RUN_ID] == "this-run"


@pytest.mark.parametrize(
    ("outer", "env_file", "database"),
    [
        pytest.param({}, {}, "sqlite:////data/tables.db", id="a file in the data folder"),
        pytest.param({"DATABASE_URL": "postgresql://db"}, {}, "postgresql://db", id="the shell wins"),
        pytest.param({}, {"DATABASE_URL": "postgresql://db"}, None, id="the env file is left to the service"),
    ],
)
def test_the_tables_are_in_the_data_folder_unless_somebody_chose(
    outer: dict[str, str], env_file: dict[str, str | None], database: str | None
) -> None:
    assert rendered(outer, env_file).get("DATABASE_URL") == database


def test_the_tables_that_analytics_fills_are_those_that_the_api_shows() -> None:
    file = Path("/data/tables.db")
    assert tables_url({}, file) == "sqlite:////data/tables.db"
    assert tables_url({"DATABASE_URL": "postgresql://db"}, file) == "postgresql://db"


@pytest.mark.parametrize("name", ["KAFKA_GROUP_ID", "INSTANCE_NAME", "HEALTH_PORT", "HEALTH_HOST"])
def test_what_would_merge_processes_is_not_passed_on(name: str) -> None:
    assert rendered({name: "from-the-shell"}).get(name) != "from-the-shell"


@pytest.mark.parametrize(
    ("outer", "env_file", "latency"),
    [
        pytest.param({}, {}, "20", id="a gateway at work takes its time"),
        pytest.param({"PAYMENT_GATEWAY_LATENCY_MS": "5"}, {}, "5", id="the shell wins"),
        pytest.param({}, {"PAYMENT_GATEWAY_LATENCY_MS": "7"}, None, id="the env file is left to the service"),
    ],
)
def test_the_gateway_is_slowed_unless_somebody_chose(
    outer: dict[str, str], env_file: dict[str, str | None], latency: str | None
) -> None:
    assert rendered(outer, env_file).get("PAYMENT_GATEWAY_LATENCY_MS") == latency


def test_the_wait_before_a_restart_doubles_up_to_half_a_minute() -> None:
    assert [restart_delay(failures) for failures in (0, 1, 2, 3, 6, 5000)] == [0.5, 1, 2, 4, 30, 30]


def test_a_process_that_ran_well_starts_with_a_clean_slate() -> None:
    assert failures_in_a_row(3, ran_for=1.0) == 4
    assert failures_in_a_row(3, ran_for=plan.HEALTHY_AFTER) == 0


def test_an_outside_broker_takes_no_memory_of_this_machine() -> None:
    without = plan.memory_needed(None, services=4)
    assert plan.memory_needed("512m", services=4) - without == 512 * plan.MIB + plan.BROKER_OVERHEAD
    assert plan.heap_bytes("2g") == 2048 * plan.MIB
