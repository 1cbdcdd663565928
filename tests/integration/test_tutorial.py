"""The tutorial works as it stands: its files are written, its commands are run, its outputs are compared."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support.eventually import eventually
from support.pages import ROOT, blocks_of, shape
from support.pipeline import Pipeline

PAGE = ROOT / "docs" / "add-a-worker.md"
WORKER = "python fraud_check.py --fraud-limit 500"


def shell(command: str, folder: Path, environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, shell=True, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )


@pytest.fixture
def environment(pipeline: Pipeline) -> dict[str, str]:
    """The reader's shell: commands on the path, the broker and the topics of this test."""
    return os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "KAFKA_BOOTSTRAP_SERVERS": pipeline.bootstrap_servers,
        "TOPIC_PREFIX": pipeline.prefix,
        "INSTANCE_NAME": "tutorial",
        "HEALTH_PORT": "0",
        "NO_COLOR": "1",
    }


def test_the_tutorial_builds_a_worker_that_alerts(
    pipeline: Pipeline, environment: dict[str, str], tmp_path: Path
) -> None:
    blocks = blocks_of(PAGE)
    for block in blocks:
        if block.name:
            (tmp_path / block.name).write_text(block.text)
    pipeline.start("payments", payment_success_rate=1)
    worker: subprocess.Popen[bytes] | None = None
    try:
        for command, printed in [step for block in blocks for step in block.steps]:
            if command == WORKER:
                with (tmp_path / "worker.log").open("wb") as log:
                    worker = subprocess.Popen(
                        command.split(), cwd=tmp_path, env=environment, stdout=log, stderr=log
                    )
                continue
            done = shell(command, tmp_path, environment)
            said = (done.stdout + done.stderr).replace(pipeline.prefix, "")
            assert done.returncode == ("-5" in command), said
            assert shape(said) == shape(printed), said

        assert worker is not None, f"the page no longer starts its worker by: {WORKER}"
        alert = json.loads(pipeline.read("fraud-alerts")[0].value() or b"null")
        assert alert == {"order_id": "ORD-large", "user_id": "alice", "amount": 1999.0}
        assert b'"amount":1999.00' in (pipeline.read("fraud-alerts")[0].value() or b"")
        assert len(pipeline.read("fraud-alerts")) == 1

        pipeline.produce("payments", [("alice", b"not JSON")])
        eventually(lambda: pipeline.read("failed-fraud-checks"), within=20)
        worker.send_signal(signal.SIGINT)
        assert worker.wait(30) == 0, (tmp_path / "worker.log").read_text()
    finally:
        if worker is not None and worker.poll() is None:
            worker.kill()
            worker.wait()


@pytest.mark.parametrize("name", ["fraud_check.py", "test_fraud_check.py"])
def test_the_tutorials_code_is_typed_and_tidy(name: str, tmp_path: Path) -> None:
    for block in blocks_of(PAGE):
        if block.name:
            (tmp_path / block.name).write_text(block.text)
    # A reader's folder knows nothing of our configuration.
    ruff = ["ruff", "check", "--isolated", "--select=E,F,I,B,UP,ANN,RUF", "--line-length=110", name]
    mypy = ["mypy", "--strict", "--cache-dir", str(tmp_path / "cache"), name]
    for tool in (ruff, mypy):
        done = subprocess.run(
            [sys.executable, "-m", *tool], cwd=tmp_path, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stdout + done.stderr
