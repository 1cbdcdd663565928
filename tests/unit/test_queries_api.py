"""GET /orders/{order_id}, /notifications and /stats/payments over tables in a file, and without any."""

import asyncio
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import Connection
from support.filled_tables import NOON_MS, FilledTables, sqlite_tables
from support.lag_reports import P0, report
from support.orders_app import NO_DATABASE, SHORT, App

from orderflow.orders.lag_sampler import Figures
from orderflow.orders.problems import MEDIA_TYPE
from orderflow.orders.tables import NO_DATABASE as SAYS_NO_DATABASE
from orderflow.orders.tables import NO_TABLES, TOO_MANY, Tables, TablesAway
from orderflow.tables import schema
from orderflow_lag.document import lag_document
from orderflow_lag.observation import LogRange


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[FilledTables]:
    made = sqlite_tables(tmp_path)
    yield made
    made.close()


@pytest.fixture
def app(tables: FilledTables) -> Iterator[App]:
    made = App(database_url=tables.url)
    yield made
    made.close()


def test_an_order_that_was_accepted_here_is_pending_until_the_tables_know_more(
    app: App, tables: FilledTables
) -> None:
    assert app.get("/orders/o-1").status_code == 404
    app.place(SHORT | {"order_id": "o-1"})
    first = app.get("/orders/o-1").json()
    assert (first["status"], first["user_id"], first["history"]) == ("PENDING", None, [])
    tables.add(schema.order_status, {"order_id": "o-1", "status": "PENDING"})
    tables.add(schema.payments, {"order_id": "o-1"})
    answer = app.get("/orders/o-1")
    assert (answer.status_code, answer.json()["status"], answer.json()["user_id"]) == (200, "PAID", "u-1")
    assert '"amount":19.99' in answer.text


@pytest.mark.parametrize("order_id", ["o-2", "%00", "o%20'; --", "\N{SNOWMAN}", "x" * 129])
def test_an_unknown_order_is_a_problem_that_says_as_of_when(
    app: App, tables: FilledTables, order_id: str
) -> None:
    tables.add(schema.offsets, {"next": 1})
    answer = app.get(f"/orders/{order_id}")
    assert (answer.status_code, answer.headers["retry-after"]) == (404, "1")
    assert answer.headers["content-type"] == MEDIA_TYPE
    assert answer.json()["as_of"].endswith("Z")
    if order_id == "o-2":
        assert answer.json()["as_of"] == "2026-03-01T12:00:00.000000Z"


def test_notifications_are_ten_by_default_and_lead_on(app: App, tables: FilledTables) -> None:
    rows = [{"order_id": f"o-{number}", "at_ms": NOON_MS + number, "offset": number} for number in range(25)]
    tables.add(schema.notifications, *rows, {"order_id": "other", "user_id": "u-2"})
    found: list[str] = []
    path, sizes = "/notifications?user_id=u-1", []
    while path:
        answer = app.get(path)
        assert answer.status_code == 200
        found += [one["order_id"] for one in answer.json()]
        sizes.append(len(answer.json()))
        path = answer.links.get("next", {}).get("url", "")
    assert sizes == [10, 10, 5]
    assert found == [f"o-{number}" for number in reversed(range(25))]
    assert app.get("/notifications?limit=1&user_id=u-2").json() == [
        {
            "order_id": "other",
            "user_id": "u-2",
            "status": "SUCCESS",
            "message": "Paid.",
            "type": "EMAIL",
            "at": "2026-03-01T12:00:00Z",
        }
    ]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("user_id=", "user_id"),
        ("user_id=a%00b", "user_id"),
        ("cursor=x", "cursor"),
        ("cursor=" + "x" * 201, "cursor"),
        ("limit=5&cursor=MTIz", "cursor"),
    ],
)
def test_a_parameter_that_cannot_be_is_named(app: App, query: str, field: str) -> None:
    answer = app.get(f"/notifications?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (422, MEDIA_TYPE)
    assert answer.json()["errors"][0]["path"] == field
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_statistics_are_exact_to_the_cent_also_when_they_are_large(app: App, tables: FilledTables) -> None:
    cents = 1_234_567_890_123_456_789
    tables.add(schema.payment_totals, {"partition": 0, "status": "SUCCESS", "count": 2, "sum_cents": cents})
    answer = app.get("/stats/payments")
    told = json.loads(answer.text, parse_float=Decimal)
    assert told["payments"]["SUCCESS"] == {"count": 2, "sum": Decimal("12345678901234567.89")}
    assert told["payments"]["FAILED"]["sum"] == Decimal("0.00")
    assert (told["complete"], told["success_rate"]) == (None, Decimal("1.0"))


def test_completeness_comes_from_what_kafka_said_lately(tables: FilledTables) -> None:
    app = App(database_url=tables.url, analytics_group="payment-service")
    tables.add(schema.offsets, {"next": 7, "log_end": 7})
    figures = lag_document(report({P0: LogRange(0, 10, 10)}, {P0: 7}))
    app.lag.told = Figures((figures,), datetime.now(UTC), time.monotonic())
    told = app.get("/stats/payments").json()
    assert (told["behind"], told["complete"], told["as_of"][0]["end"]) == (3, False, 10)
    app.lag.told = Figures((figures,), datetime.now(UTC), time.monotonic() - 60)
    assert app.get("/stats/payments").json()["complete"] is None
    app.close()


@pytest.mark.parametrize("path", ["/orders/o-1", "/notifications", "/stats/payments"])
def test_without_a_database_questions_are_refused_and_orders_accepted(path: str) -> None:
    app = App()
    answer = app.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert (answer.json()["detail"], answer.headers["content-type"]) == (SAYS_NO_DATABASE, MEDIA_TYPE)
    assert app.place(SHORT | {"order_id": "o-2"}).status_code == 202
    assert app.get("/orders/o-2").json()["status"] == "PENDING"
    assert app.get("/readyz").status_code == 200
    app.close()


def test_tables_that_are_not_there_or_older_are_said_to_be_that(tmp_path: Path) -> None:
    file = tmp_path / "tables.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE offsets (topic TEXT)")
        connection.commit()
    app = App(database_url=f"sqlite:///{file}")
    for path in ("/orders/o-1", "/notifications"):
        answer = app.get(path)
        assert (answer.status_code, answer.json()["detail"]) == (503, NO_TABLES)
    app.close()


def test_a_database_that_comes_back_is_asked_again(tmp_path: Path) -> None:
    app = App(database_url=f"sqlite:///{tmp_path}/tables.db")
    assert app.get("/stats/payments").status_code == 503
    tables = sqlite_tables(tmp_path)
    deadline = time.monotonic() + 10
    while (answer := app.get("/stats/payments")).status_code == 503 and time.monotonic() < deadline:
        pass
    assert answer.status_code == 200
    app.close()
    tables.close()


def test_questions_beyond_the_room_are_refused_at_once_and_hold_up_nothing_else(tables: FilledTables) -> None:
    asked, go_on = Tables(tables.url, threads=1, room=2), threading.Event()

    def slow(_connection: Connection) -> str:
        go_on.wait(30)
        return "answered"

    async def ask() -> None:
        waiting = [asyncio.create_task(asked.ask(slow)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(TablesAway, match=TOO_MANY):
            await asked.ask(slow)
        go_on.set()
        assert await asyncio.gather(*waiting) == ["answered", "answered"]

    asyncio.run(ask())
    asked.close()


def test_a_question_that_takes_too_long_is_given_up_and_those_behind_it_need_not_wait(
    tables: FilledTables,
) -> None:
    asked, go_on = Tables(tables.url, threads=1, answer_seconds=0.5), threading.Event()

    def slow(_connection: Connection) -> None:
        go_on.wait(30)

    async def ask() -> None:
        with pytest.raises(TablesAway, match="too long"):
            await asked.ask(slow)
        before = time.monotonic()
        with pytest.raises(TablesAway, match="too long"):
            await asked.ask(slow)
        assert time.monotonic() - before < 0.5

    asyncio.run(ask())
    go_on.set()
    asked.close()


def test_the_api_describes_every_question() -> None:
    document: dict[str, Any] = App().get("/openapi.json").json()
    for path in ("/orders/{order_id}", "/notifications", "/stats/payments", "/metrics/lag"):
        described = document["paths"][path]["get"]
        assert "example" in described["responses"]["200"]["content"]["application/json"]
        assert {"401", "503"} <= described["responses"].keys()
    assert document["components"]["schemas"]["Payments"]["properties"]["sum"]["type"] == "number"


def test_no_answer_tells_what_is_in_the_database_url() -> None:
    app = App(database_url="postgresql://orders:secret@127.0.0.1:1/orders")
    answer: httpx.Response = app.get("/stats/payments")
    assert answer.status_code == 503
    assert "secret" not in answer.text
    assert NO_DATABASE not in answer.text
    app.close()
