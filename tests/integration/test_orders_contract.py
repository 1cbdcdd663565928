"""The OpenAPI document and the running service say the same, whatever is sent."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import schemathesis_hooks
from support.orders_service import OrderService
from support.pipeline import Pipeline

EXAMPLES = "25"


@pytest.mark.parametrize("api_keys", ["", "a-key"], ids=["open", "with keys"])
def test_the_service_keeps_to_its_openapi_document(pipeline: Pipeline, tmp_path: Path, api_keys: str) -> None:
    service = OrderService(pipeline, api_keys=api_keys).wait_ready()
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
