"""`skaffold dev`: a changed line is what the pods run, seconds after it was saved."""

import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.e2e import installing
from support.e2e.system import SERVICES, System
from support.eventually import eventually
from support.kube.chart import REPOSITORY

Record = Callable[[str, object], None]

DEV = "skaffold dev --watch-poll-interval=200"
ROUTES = Path("services/src/orderflow/orders/routes.py")
PLACE = """
import json, urllib.request
order = {"user_id": "dev", "amount": "1.00", "items": 1}
headers = {"Content-Type": "application/json"}
request = urllib.request.Request("http://orderflow-orders/orders", json.dumps(order).encode(), headers)
print(urllib.request.urlopen(request, timeout=2).read().decode())
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
    eventually(lambda: "The order is accepted" in answer(system), within=60)
    pods = system.pods("orders")
    file = sources / ROUTES
    changed = file.read_text().replace("The order is accepted", "The order was changed")
    file.write_text(changed)
    begun = time.monotonic()
    eventually(lambda: "The order was changed" in answer(system), within=60, every=0.1)
    record("skaffold dev: a line saved to the line run (s)", time.monotonic() - begun)
    assert system.pods("orders") == pods


def answer(system: System) -> str:
    """Return what the API says to an order, or nothing while it starts again."""
    command = ("exec", "deployment/orderflow-tools", "--", "python", "-c", PLACE)
    where = ("--kubeconfig", str(system.cluster.kubeconfig), "--context", system.cluster.context)
    done = subprocess.run(
        [str(system.cluster.program), *where, "--namespace", SERVICES, *command],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return str(json.loads(done.stdout)["message"]) if done.returncode == 0 else ""


def _watches(dev: "subprocess.Popen[bytes]", log: Path) -> bool:
    said = log.read_text()
    if dev.poll() is not None:
        pytest.fail(f"skaffold dev ended: {said[-2000:]}")
    return "Watching for changes" in said
