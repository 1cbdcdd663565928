"""`skaffold dev`: a changed line is what the pods run, seconds after it was saved."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.e2e import installing
from support.e2e.system import SERVICES, System
from support.eventually import eventually
from support.kube.chart import REPOSITORY

Record = Callable[[str, object], None]

DEV = "skaffold dev --watch-poll-interval=200"
ROUTES = Path("services/src/orderflow/orders/routes.py")
# One process that asks until it hears the words; one for each question would slow down what is measured.
UNTIL = """
import json, sys, time, urllib.request
order = json.dumps({"user_id": "dev", "amount": "1.00", "items": 1}).encode()
headers = {"Content-Type": "application/json"}
message = ""
while sys.argv[1] not in message:
    time.sleep(0.05)
    request = urllib.request.Request("http://orderflow-orders/orders", order, headers)
    try:
        message = json.load(urllib.request.urlopen(request, timeout=2))["message"]
    except OSError:
        message = ""
"""


@pytest.fixture
def sources(system: System, tmp_path: Path) -> Iterator[Path]:
    """A copy of the repository in which `skaffold dev` runs, done with its first deployment."""
    installing.empty(system)
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    # The log is not in what is watched: each line of it would be one more change to wait for the end of.
    copy, log = tmp_path / "orderflow", tmp_path / "skaffold.log"
    for name in listed.splitlines():
        if (REPOSITORY / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(REPOSITORY / name, copy / name)
    (copy / ".venv").symlink_to(REPOSITORY / ".venv")
    program = str(system.kind.programs / "skaffold")
    flags = (
        "--profile",
        "airgap",
        "--kube-context",
        system.kind.context,
        "--cleanup=false",
        "--port-forward=off",
    )
    with (
        log.open("w") as output,
        subprocess.Popen(
            [program, *DEV.split()[1:], *flags, "--update-check=false", "--interactive=false"],
            cwd=copy,
            env=system.kind.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        ) as dev,
    ):
        try:
            eventually(lambda: _watches(dev, log), within=600, every=0.5)
            yield copy
        finally:
            dev.send_signal(signal.SIGINT)
            dev.wait(60)
    installing.empty(system)


def test_a_changed_line_runs_in_the_pod_a_few_seconds_later(
    sources: Path, system: System, record: Record
) -> None:
    with hearing(system, "The order is accepted") as heard:
        assert heard.wait(60) == 0
    pods = system.pods("orders")
    file = sources / ROUTES
    changed = file.read_text().replace("The order is accepted", "The order was changed")
    with hearing(system, "The order was changed") as heard:
        time.sleep(2)  # it asks already
        assert heard.poll() is None
        file.write_text(changed)
        begun = time.monotonic()
        assert heard.wait(60) == 0
        record("skaffold dev: a line saved to the line run (s)", time.monotonic() - begun)
    assert system.pods("orders") == pods


@contextmanager
def hearing(system: System, words: str) -> Iterator["subprocess.Popen[bytes]"]:
    """Place orders in the cluster until the answer has these words; yield the process that does so."""
    command = ("exec", "deployment/orderflow-tools", "--", "timeout", "70", "python", "-c", UNTIL, words)
    where = ("--kubeconfig", str(system.cluster.kubeconfig), "--context", system.cluster.context)
    with subprocess.Popen(
        [str(system.cluster.program), *where, "--namespace", SERVICES, *command]
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def _watches(dev: "subprocess.Popen[bytes]", log: Path) -> bool:
    said = log.read_text()
    if dev.poll() is not None:
        pytest.fail(f"skaffold dev ended: {said[-2000:]}")
    return "Watching for changes" in said
