"""The OpenAPI document and the running service say the same, whatever is sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import schemathesis_hooks
from support.filled_tables import sqlite_tables
from support.orders_service import OrderService
from support.pipeline import Pipeline

from orderflow.tables import schema

EXAMPLES = "25"
HISTORY: list[dict[str, object]] = [
    {"order_id": "o-1", "status": "PENDING"},
    {"order_id": "o-1", "status": "PAID", "offset": 1},
]


@pytest.mark.parametrize("api_keys", ["", "a-key"], ids=["open", "with keys"])
def test_the_service_keeps_to_its_openapi_document(pipeline: Pipeline, tmp_path: Path, api_keys: str) -> None:
    tables = sqlite_tables(tmp_path)
    tables.add(schema.offsets, {"next": 1}).add(schema.payments, {"order_id": "o-1"})
    tables.add(schema.notifications, {"order_id": "o-1"}).add(schema.order_history, *HISTORY)
    tables.close()
    service = OrderService(pipeline, api_keys=api_keys, database_url=tables.url).wait_ready()
    hooks = Path(schemathesis_hooks.__file__)
    command = [
        str(Path(sys.executable).with_name("st")),
        "run",
        f"{service.url}/openapi.json",
        *("--max-examples", EXAMPLES),
        *("--seed", "1"),
        # An answer that never ends; test_console.py reads it.
        *("--exclude-path", "/events"),
        "--generation-database=none",
        "--no-color",
        *(["--header", f"X-API-Key: {api_keys}"] if api_keys else []),
    ]
    environment = os.environ | {
        "SCHEMATHESIS_HOOKS": hooks.stem,
        "PYTHONPATH": str(hooks.parent),
        "COLUMNS": "160",
    }
    run = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert run.returncode == 0, run.stdout + run.stderr
    assert service.process.metric("orderflow_orders_accepted_total") > 0
    assert "Traceback" not in service.process.log
