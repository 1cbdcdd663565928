"""Analytics on a real broker: whatever dies on the way, the tables say what the log says."""

import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import update
from support.eventually import eventually
from support.orders_service import OrderService
from support.pipeline import Pipeline, orders
from support.postgres import PASSWORD, Postgres, binaries
from support.recount import Told
from support.tables import TOPICS, same_as_log, sqlite_in, tables_at

from orderflow.streaming.clients import connection_config
from orderflow.tables.database import open_writer
from orderflow.tables.schema import offsets
from orderflow_lag.observation import Subscription
from orderflow_lag.read import LagReader
from orderflow_lag.truth import group_lag


def has_payments(url: str, least: int) -> bool:
    """Tell whether so many payments are in the tables."""
    return len((tables_at(url) or Told()).payments) >= least


def told_over_http(service: OrderService, expected: Told) -> None:
    """See that the API answers from the tables what a recount of the log gives."""
    eventually(lambda: service.get("/stats/payments").json()["complete"], within=30)
    stats = service.get("/stats/payments").json()
    counted = {status: (one["count"], round(100 * one["sum"])) for status, one in stats["payments"].items()}
    assert counted == expected.totals
    assert {status: count for status, count in stats["orders"].items() if count} == expected.status_counts
    in_the_last_hour = sum(
        one["count"] for minute in stats["per_minute"] for one in minute["payments"].values()
    )
    assert in_the_last_hour == sum(count for count, _ in expected.totals.values())
    assert sum(one["unreadable"] for one in stats["as_of"]) == expected.unreadable

    (order_id, user_id), (status, cents, _) = next(iter(expected.payments.items()))
    order = service.get(f"/orders/{order_id}").json()
    assert (order["user_id"], order["payment"]["status"]) == (user_id, status)
    assert round(100 * order["amount"]) == cents
    assert [change["status"] for change in order["history"]] == expected.histories[order_id]
    assert order["status"] == expected.statuses[order_id]
    assert order["notification"]["message"] == expected.notifications[order_id, user_id]

    newest = service.get(f"/notifications?limit=100&user_id={user_id}").json()
    told = {text for (_, user), text in expected.notifications.items() if user == user_id}
    assert {one["message"] for one in newest} == told
    assert service.get("/orders/nobody").status_code == 404


def lag(pipeline: Pipeline) -> int | None:
    """Return the lag that every tool shows of the group."""
    wanted = Subscription(pipeline.group("analytics"), frozenset(pipeline.prefix + topic for topic in TOPICS))
    settings = pipeline.settings
    with LagReader(connection_config(settings)) as reader:
        return group_lag(reader.read([wanted]), wanted).total


def ahead(url: str, by: int) -> None:
    """Let the tables say that they are further than they are."""
    engine = open_writer(url)
    with engine.begin() as connection:
        connection.execute(update(offsets).values(next=offsets.c.next + by))
    engine.dispose()


@pytest.fixture
def postgres() -> Iterator[Postgres]:
    """A running PostgreSQL."""
    programs = binaries()
    if programs is None:
        pytest.skip("there is no PostgreSQL server here (Debian: postgresql)")
    server = Postgres(programs)
    try:
        yield server.start()
    finally:
        server.remove()


def test_tables_equal_a_recount_after_processes_were_killed_under_load(
    pipeline: Pipeline, tmp_path: Path
) -> None:
    url = sqlite_in(tmp_path)
    pipeline.start("payments")
    pipeline.start("notifications")
    service = OrderService(pipeline, database_url=url)
    analytics = pipeline.start("analytics", database_url=url, analytics_max_batch=20).wait_ready()
    # A record that says nothing, and one of an order that is refused: neither stops anybody.
    pipeline.produce("orders", [(None, b"?"), *orders(600)])
    for least in (50, 200):
        eventually(partial(has_payments, url, least), within=60)
        analytics.kill()
        analytics = pipeline.start("analytics", database_url=url, analytics_max_batch=20)
    eventually(lambda: len(pipeline.values("notifications")) == 600, within=60)
    same_as_log(pipeline, url)
    found = tables_at(url)
    assert found
    assert len(found.payments) == 600
    assert found.unreadable == 1
    told_over_http(service, found)

    eventually(lambda: lag(pipeline) == 0, within=20)
    refused = pipeline.start("analytics", database_url=url)
    assert refused.process.wait(30) == 1
    assert "another analytics process writes" in refused.log
    assert analytics.stop() == 0

    # As if the topics had been made anew beside tables that stayed.
    ahead(url, 1_000_000)
    foreign = pipeline.start("analytics", database_url=url)
    eventually(lambda: "waits for a database of this log" in foreign.get("/readyz")[1], within=30)


def test_tables_that_are_lost_are_made_again_from_the_log_by_those_who_wrote_them(
    pipeline: Pipeline, postgres: Postgres
) -> None:
    pipeline.start("payments")
    pipeline.start("notifications")
    writers = [pipeline.start("analytics", database_url=postgres.url).wait_ready() for _ in range(2)]
    pipeline.produce("orders", orders(100))
    eventually(lambda: len(pipeline.values("notifications")) == 100, within=60)
    same_as_log(pipeline, postgres.url)

    # As with a database that keeps nothing beyond its pod. There is nothing to write just now.
    postgres.replace()
    same_as_log(pipeline, postgres.url)
    pipeline.produce("orders", orders(50, first=100))
    eventually(lambda: len(pipeline.values("notifications")) == 150, within=60)
    same_as_log(pipeline, postgres.url)
    assert [each.stop() for each in writers] == [0, 0]


@pytest.mark.chaos
def test_replicas_on_postgresql_count_every_record_once_through_kills_a_freeze_and_an_outage(
    pipeline: Pipeline, postgres: Postgres
) -> None:
    url = postgres.url
    pipeline.start("payments")
    pipeline.start("notifications")
    first, second = (pipeline.start("analytics", database_url=url, analytics_max_batch=10) for _ in range(2))
    # In a group of its own it reads all that they read: the worst that zombies could do.
    rival = pipeline.start(
        "analytics",
        kafka_group_id=pipeline.group("analytics") + "-rival",
        database_url=url,
        analytics_max_batch=10,
    )
    for each in (first, second, rival):
        each.wait_ready()

    pipeline.produce("orders", orders(300))
    eventually(partial(has_payments, url, 50), within=60)
    first.kill()
    third = pipeline.start("analytics", database_url=url, analytics_max_batch=10)

    postgres.stop()
    eventually(lambda: "the database postgresql" in second.get("/readyz")[1], within=30)
    assert second.get("/livez")[0] == 200
    pipeline.produce("orders", orders(200, first=300))
    postgres.start()
    third.wait_ready()
    second.wait_ready()

    # It wakes up with a batch of partitions that are somebody else's by then.
    second.send(signal.SIGSTOP)
    pipeline.produce("orders", orders(200, first=500))
    eventually(lambda: len(pipeline.values("notifications")) == 700, within=60)
    eventually(partial(has_payments, url, 700), within=60)
    second.send(signal.SIGCONT)
    same_as_log(pipeline, url)
    assert all(PASSWORD not in each.log for each in (first, second, third))
    assert [each.stop() for each in (second, third, rival)] == [0, 0, 0]
