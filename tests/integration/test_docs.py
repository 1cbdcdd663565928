"""The pages tell the truth: their commands are run on a whole system, their outputs are compared.

docs/add-a-worker.md has a test of its own, tests/integration/test_tutorial.py.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.pages import ROOT, Block, blocks_of, pages, shape

from orderflow_local.kafka import Distribution
from orderflow_local.net import free_port

OTHERS = ("add-a-worker.md",)
NOT_COPIED = (".git", ".venv", ".orderflow", "build", ".*_cache", "__pycache__", ".hypothesis", "*.egg-info")


def to_run(page: Path) -> list[Block]:
    """Return the blocks of a page whose commands are this file's to run."""
    return [block for block in blocks_of(page) if block.steps and not (block.reason or block.run_by)]


def installs(block: Block) -> bool:
    """Tell whether a block starts from nothing, rather than on a running system."""
    return "pip install" in block.text


PAGES = [page for page in pages() if page.name not in OTHERS and to_run(page)]


def ports() -> dict[str, str]:
    return {"API_PORT": str(free_port()), "KAFKA_PORT": str(free_port()), "DETACH": "1"}


def local(command: str, environment: dict[str, str], folder: Path) -> None:
    """Run a command of the supervisor and see it succeed."""
    done = subprocess.run(
        [sys.executable, "-m", "orderflow_local", command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder the system of these tests was started in."""
    return tmp_path_factory.mktemp("orderflow")


@pytest.fixture(scope="module")
def system(kafka_distribution: Distribution, folder: Path) -> Iterator[dict[str, str]]:
    """The environment of a reader's shell on a machine where the whole system runs, on ports of its own."""
    chosen = ports()
    environment = os.environ | chosen
    local("up", environment, folder)
    try:
        yield os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{chosen['KAFKA_PORT']}",
            "ORDERFLOW_URL": f"http://127.0.0.1:{chosen['API_PORT']}",
            "API_PORT": chosen["API_PORT"],
            "NO_COLOR": "1",
            "COLUMNS": "120",
        }
    finally:
        local("down", environment, folder)


def as_here(command: str, environment: dict[str, str]) -> str:
    """Return a command of a page with this system's port in place of the default one."""
    return command.replace("127.0.0.1:8000", f"127.0.0.1:{environment['API_PORT']}")


@pytest.mark.parametrize("page", [pytest.param(page, id=page.name) for page in PAGES])
def test_commands_print_what_the_page_says(page: Path, system: dict[str, str], folder: Path) -> None:
    for block in to_run(page):
        for command, printed in [] if installs(block) else block.steps:
            done = subprocess.run(
                as_here(command, system),
                shell=True,
                cwd=folder,
                env=system,
                capture_output=True,
                text=True,
                timeout=90,
            )
            where = f"{page.name}:{block.line}: {command}\n{done.stdout}{done.stderr}"
            assert done.returncode == 0, where
            assert shape(done.stdout) == shape(printed), where


def test_make_up_says_what_the_readme_shows(system: dict[str, str], folder: Path) -> None:
    (shown,) = [
        printed
        for block in blocks_of(ROOT / "README.md")
        for command, printed in block.steps
        if command == "make up"
    ]
    said = (folder / ".orderflow/logs/supervisor.log").read_text()
    assert set(shape(shown)) <= set(shape(said.replace(str(folder), "/home/you/orderflow")))


def offline(output: str) -> bool:
    """Tell whether pip failed for want of a network rather than for want of the package."""
    return any(
        sign in output for sign in ("NewConnectionError", "NameResolutionError", "ConnectTimeoutError")
    )


@pytest.mark.timeout(300)
def test_the_way_without_make_works_in_a_fresh_checkout(tmp_path: Path) -> None:
    (block,) = [block for block in to_run(ROOT / "README.md") if installs(block)]
    *install, up = block.commands
    checkout = tmp_path / "orderflow"
    shutil.copytree(ROOT, checkout, ignore=shutil.ignore_patterns(*NOT_COPIED))
    kept = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    environment = kept | {"UV_PYTHON_DOWNLOADS": "never", "PIP_ROOT_USER_ACTION": "ignore"}
    # The last command is what `make up` runs, and other tests see to that: here it only has to be there.
    for command in (*install, up.replace(" up", " status")):
        done = subprocess.run(
            command, shell=True, cwd=checkout, env=environment, capture_output=True, text=True, timeout=200
        )
        if offline(done.stderr):
            pytest.skip("no package registry answers, and this installs from one")
        if command in install:
            assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    assert done.stderr == "orderflow: Nothing runs here; start it with `make up`.\n"
