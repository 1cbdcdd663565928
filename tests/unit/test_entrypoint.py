"""`./entrypoint.sh`: the words of old, on a cluster where Docker answers and on this machine where not."""

import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "entrypoint.sh"


def run(folder: Path, *words: str, docker: bool | None = None) -> subprocess.CompletedProcess[str]:
    """Run it with a `make` that says what it was asked for; `docker` None: there is no client at all."""
    program(folder / "make", 'echo "make $*"')
    if docker is not None:
        program(folder / "docker", "exit 0" if docker else "exit 1")
    return subprocess.run(
        ["/bin/sh", str(SCRIPT), *words],
        env={"PATH": f"{folder}:{tools(folder)}"},
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


def program(at: Path, line: str) -> None:
    at.write_text(f"#!/bin/sh\n{line}\n")
    at.chmod(0o755)


def tools(folder: Path) -> Path:
    """Return a folder with all that the script itself calls, and nothing else of the machine."""
    found = folder / "tools"
    found.mkdir()
    for name in ("cat", "dirname"):
        (found / name).symlink_to(
            next(at for at in (Path("/usr/bin") / name, Path("/bin") / name) if at.exists())
        )
    return found


@pytest.mark.parametrize(
    ("word", "cluster", "machine"),
    [("--build", "kind-up", "up"), ("--down", "kind-down", "down"), ("--logs", "kind-logs", "logs")],
)
def test_a_word_is_a_target_of_make(word: str, cluster: str, machine: str, tmp_path: Path) -> None:
    for name, docker, wanted in (("there", True, cluster), ("mute", False, machine), ("none", None, machine)):
        (folder := tmp_path / name).mkdir()
        assert run(folder, word, docker=docker).stdout == f"make {wanted}\n"


def test_without_a_word_it_says_which_there_are(tmp_path: Path) -> None:
    said = run(tmp_path, docker=True)
    assert said.returncode == 0
    assert said.stdout.startswith("usage: ./entrypoint.sh --build | --down | --logs\n")


def test_another_word_is_an_error(tmp_path: Path) -> None:
    said = run(tmp_path, "--biuld", docker=True)
    assert (said.returncode, said.stdout) == (2, "")
    assert "--build" in said.stderr


def test_the_targets_it_names_are_there() -> None:
    makefile = SCRIPT.with_name("Makefile").read_text()
    for target in ("up", "down", "logs", "kind-up", "kind-down", "kind-logs"):
        assert f"\n{target}: " in makefile
